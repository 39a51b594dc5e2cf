/** @file A whole program that computes on the GPU and ends. Run by gpu-access.test.ts in Node and in Deno. */

import process from 'node:process';
import { DBNetError } from '../../src/errors.ts';
import { acquireGpu } from '../../src/platform/gpu.ts';
import { readBuffer, USAGE } from '../gpu/assert.ts';

/** A device whose `GPU` nobody here holds. */
async function makeDevice(): Promise<GPUDevice> {
  const { gpu } = await acquireGpu();
  const adapter = await gpu.requestAdapter();
  return await adapter!.requestDevice();
}

const collect = (globalThis as { gc?: () => void }).gc;

try {
  const device = await makeDevice();
  for (let i = 0; i < 10; i++) {
    collect?.();
    const buffer = device.createBuffer({ size: 4, usage: USAGE.COPY_SRC | USAGE.COPY_DST });
    device.queue.writeBuffer(buffer, 0, Uint32Array.of(i));
    const [value] = new Uint32Array(await readBuffer(device, buffer));
    if (value !== i) throw new Error(`expected ${i}, found ${value}`);
  }
  // Neither a mapping that nobody waits for nor a device that is still there may keep the program from ending.
  void device.createBuffer({ size: 4, usage: USAGE.MAP_READ | USAGE.COPY_DST }).mapAsync(1);
  console.log('done');
} catch (error) {
  console.log(error instanceof DBNetError ? `${error.code}: ${error.message}` : String(error));
  process.exitCode = 3;
}
