/** @file Says once, before the GPU tests, that they compute on the CPU, if so. */

import { acquireGpu } from '../../src/platform/gpu.ts';

export async function setup(): Promise<void> {
  try {
    const { name, software } = await acquireGpu();
    if (software) console.log(`No GPU was found: the GPU tests compute on the CPU (${name}).`);
  } catch {
    // The tests themselves fail with the reason.
  }
}
