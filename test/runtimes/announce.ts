/** @file Says once, before the GPU tests, that they compute on the CPU, if so. */

import { acquireGpu } from '../../src/platform/gpu.ts';

export async function setup(): Promise<void> {
  const { VK_ICD_FILENAMES: chosen } = process.env;
  try {
    const { gpu, software } = await acquireGpu();
    if (software) console.log('No GPU was found: the GPU tests compute on the CPU.');
    const adapter = await gpu.requestAdapter();
    if (!adapter?.features.has('shader-f16')) {
      console.log('No f16 here (feature shader-f16 is missing): f16 kernels run with `npm run test:f16`.');
    }
  } catch {
    // The tests themselves fail with the reason.
  }
  // Each runtime looks for its drivers itself: what is set for Dawn is not to bind Deno.
  if (chosen === undefined) delete process.env.VK_ICD_FILENAMES;
}
