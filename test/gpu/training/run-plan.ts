/** @file Runs a plan of training kernels on a device and reads its tensors. */

import type { GpuContext } from '../../../src/gpu/device.ts';
import type { Plan } from '../../../src/graph/plan.ts';
import { USAGE } from '../assert.ts';
import { PlanRun } from '../plan-run.ts';

/** Uploads the inputs, poisons all activations, runs, and reads the tensors asked for. */
export async function runPlan(
  context: GpuContext,
  plan: Plan,
  inputs: ReadonlyMap<string, ArrayBufferView<ArrayBuffer> | GPUBuffer | GPUBufferBinding>,
  wanted: readonly string[],
): Promise<Record<string, Float32Array<ArrayBuffer>>> {
  const { device: gpu } = context;
  const uploaded: GPUBuffer[] = [];
  const externals = new Map(
    [...inputs].map(([name, input]) => {
      if (!ArrayBuffer.isView(input)) return [name, input] as const;
      const buffer = gpu.createBuffer({ size: input.byteLength, usage: USAGE.STORAGE | USAGE.COPY_DST });
      gpu.queue.writeBuffer(buffer, 0, input);
      uploaded.push(buffer);
      return [name, buffer] as const;
    }),
  );
  const built = await PlanRun.build(context, plan, () => externals, {
    release: () => {
      for (const buffer of uploaded) buffer.destroy();
    },
  });
  await built.run();
  const results: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const name of wanted) results[name] = await built.read(name);
  built.destroy();
  return results;
}
