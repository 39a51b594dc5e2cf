/** @file Runs a plan of training kernels on a device and reads its tensors. */

import type { Plan } from '../../../src/graph/plan.ts';
import { Arena } from '../../../src/runtime/arena.ts';
import { ConstantStore } from '../../../src/runtime/constants.ts';
import { checked, type GpuContext } from '../../../src/runtime/gpu-context.ts';
import { PipelineCache } from '../../../src/runtime/pipelines.ts';
import { Program } from '../../../src/runtime/program.ts';
import { run, SubmitSize } from '../../../src/runtime/run.ts';
import { poison, readBuffer, USAGE } from '../assert.ts';

/** Uploads the inputs, poisons all activations, runs, and reads the tensors asked for. */
export async function runPlan(
  context: GpuContext,
  plan: Plan,
  inputs: ReadonlyMap<string, ArrayBufferView<ArrayBuffer> | GPUBuffer | GPUBufferBinding>,
  wanted: readonly string[],
): Promise<Record<string, Float32Array<ArrayBuffer>>> {
  const { device: gpu } = context;
  const arena = new Arena(context);
  const device = {
    context,
    pipelines: new PipelineCache(context),
    constants: new ConstantStore(context),
    arena,
  };
  const program = await Program.build(plan, device);
  for (const i of plan.bufferSizes.keys()) poison(gpu, arena.get(i));
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
  await checked(context, 'the plan', () =>
    run(context, program.steps(externals), { submitSize: new SubmitSize(context), finish: () => {} }),
  );
  const results: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const name of wanted) {
    const { buffer, bytes } = program.tensor(name);
    results[name] = new Float32Array(await readBuffer(gpu, buffer), 0, bytes / 4);
  }
  program.destroy();
  arena.destroy();
  for (const buffer of uploaded) buffer.destroy();
  return results;
}
