/** @file Waiting for the GPU, and doing work in one pass. */

import type { Work } from './timer.ts';

/** Commands of `repetitions` of a work, in one pass. */
export function encodePass(
  device: GPUDevice,
  work: Work,
  repetitions: number,
  timestampWrites?: GPUComputePassTimestampWrites,
): GPUCommandEncoder {
  const encoder = device.createCommandEncoder({ label: work.label });
  const pass = encoder.beginComputePass({ label: work.label, timestampWrites });
  work.encode(pass, repetitions);
  pass.end();
  return encoder;
}

/** Submits and waits until the GPU is done; milliseconds from submit to fence. */
export async function submitAndWait(device: GPUDevice, encoder: GPUCommandEncoder): Promise<number> {
  const commands = encoder.finish();
  const start = performance.now();
  device.queue.submit([commands]);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}
