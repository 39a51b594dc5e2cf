/** @file One case on the device: compile, verify, then time all variants that are right, hot and cold. */

import { checked, type GpuContext } from '../../src/runtime/gpu-context.ts';
import type { PipelineCache } from '../../src/runtime/pipelines.ts';
import { ReadbackPool } from '../../src/runtime/readback.ts';
import { interleave, type Sampled, type SamplingOptions } from '../timing/interleave.ts';
import type { Timer, Work } from '../timing/timer.ts';
import type { Case, Reference, Variant } from './case.ts';
import { type Bound, KernelBuffers } from './kernel-buffers.ts';
import { type Verdict, verify } from './verify.ts';

export interface CaseOptions extends SamplingOptions {
  /** Bytes over which cold runs rotate; 0: no cold runs. */
  coldFootprint: number;
}

export interface VariantResult {
  variant: Variant;
  /** Why there are no times: it does not compile, or its output is wrong. */
  problem: string | undefined;
  /** Largest error found, as a part of the reference's scale; undefined if it did not run. */
  error: number | undefined;
  hot: Sampled | undefined;
  /** Of the best and the default variant only. */
  cold: Sampled | undefined;
}

/** A variant that compiles, with its buffers. */
interface Ready {
  result: VariantResult;
  pipeline: GPUComputePipeline;
  bound: Bound;
}

export async function runCase(
  entry: Case,
  context: GpuContext,
  pipelines: PipelineCache,
  timer: Timer,
  options: CaseOptions,
): Promise<VariantResult[]> {
  const { variants, reference } = entry.prepare();
  const buffers = new KernelBuffers(context.device);
  const readback = new ReadbackPool(context);
  const results: VariantResult[] = [];
  const right: Ready[] = [];
  try {
    for (const variant of variants) {
      options.signal?.throwIfAborted();
      const result = emptyResult(variant);
      results.push(result);
      try {
        const ready = await makeReady(result, context, pipelines, buffers);
        const verdict = await runOnce(ready, reference, context, buffers, readback);
        result.error = verdict.error;
        result.problem = verdict.problem && `wrong result: ${verdict.problem}`;
        if (!verdict.problem) right.push(ready);
      } catch (error) {
        result.problem = error instanceof Error ? error.message : String(error);
      }
    }
    await timeHot(right, context.device, timer, options);
    if (options.coldFootprint > 0) {
      await timeCold(bestAndDefault(right), context.device, buffers, timer, options);
    }
    return results;
  } finally {
    readback.destroy();
    buffers.destroy();
  }
}

const emptyResult = (variant: Variant): VariantResult => ({
  variant,
  problem: undefined,
  error: undefined,
  hot: undefined,
  cold: undefined,
});

async function makeReady(
  result: VariantResult,
  context: GpuContext,
  pipelines: PipelineCache,
  buffers: KernelBuffers,
): Promise<Ready> {
  const { variant } = result;
  const pipeline = await pipelines.get(variant.kernel);
  const bound = await checked(context, 'allocating buffers', () => buffers.bind(variant));
  return { result, pipeline, bound };
}

/** Runs a variant on poisoned outputs and judges what it writes. */
async function runOnce(
  ready: Ready,
  reference: Reference,
  context: GpuContext,
  buffers: KernelBuffers,
  readback: ReadbackPool,
): Promise<Verdict> {
  const { device } = context;
  const { kernel } = ready.result.variant;
  buffers.poison(kernel, ready.bound);
  const sizes = Object.keys(reference.outputs).map((name) => ({ name, ...place(ready.bound, name) }));
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  const staging = await readback.acquire(total);
  await checked(context, `running '${kernel.label}'`, () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    hotWork(ready, device).encode(pass, 1);
    pass.end();
    let at = 0;
    for (const { buffer, size } of sizes) {
      encoder.copyBufferToBuffer(buffer, 0, staging, at, size);
      at += size;
    }
    device.queue.submit([encoder.finish()]);
  });
  const mapped = await readback.map(staging, total);
  try {
    return verify(reference, (output) => {
      let at = 0;
      for (const { name, size } of sizes) {
        if (name === output) return mapped.slice(at, at + size);
        at += size;
      }
      throw new Error(`there is no output '${output}'`);
    });
  } finally {
    readback.release(staging);
  }
}

function place(bound: Bound, name: string): { buffer: GPUBuffer; size: number } {
  const buffer = bound.get(name);
  if (!buffer) throw new Error(`the kernel has no binding '${name}', where the result is expected`);
  return { buffer, size: buffer.size };
}

const hotWork = (ready: Ready, device: GPUDevice): Work => work(ready, device, [ready.bound]);

/** The variant on one set of buffers after the other. */
function work({ result, pipeline }: Ready, device: GPUDevice, sets: readonly Bound[]): Work {
  const { kernel } = result.variant;
  const groups = sets.map((bound) =>
    device.createBindGroup({
      label: kernel.label,
      layout: pipeline.getBindGroupLayout(0),
      entries: kernel.bindings.map(({ name, bytes }, binding) => ({
        binding,
        resource: { buffer: bound.get(name)!, size: bytes > 0 ? Math.ceil(bytes / 4) * 4 : undefined },
      })),
    }),
  );
  let next = 0;
  return {
    label: kernel.label,
    encode(pass, repetitions) {
      pass.setPipeline(pipeline);
      for (let i = 0; i < repetitions; i++) {
        pass.setBindGroup(0, groups[next]);
        next = (next + 1) % groups.length;
        pass.dispatchWorkgroups(...kernel.dispatch);
      }
    },
  };
}

async function timeHot(
  ready: readonly Ready[],
  device: GPUDevice,
  timer: Timer,
  options: CaseOptions,
): Promise<void> {
  const works = ready.map((one) => hotWork(one, device));
  const sampled = await interleave(timer, works, options);
  for (const [i, { result }] of ready.entries()) {
    result.hot = sampled[i];
    result.problem ??= sampled[i] ? undefined : 'the GPU clock gave no valid sample';
  }
}

async function timeCold(
  ready: readonly Ready[],
  device: GPUDevice,
  buffers: KernelBuffers,
  timer: Timer,
  options: CaseOptions,
): Promise<void> {
  try {
    const works = ready.map((one) => {
      const sets = buffers.rotate(one.result.variant.kernel, one.bound, options.coldFootprint);
      return work(one, device, sets);
    });
    const sampled = await interleave(timer, works, options);
    for (const [i, { result }] of ready.entries()) result.cold = sampled[i];
  } finally {
    buffers.freeCopies();
  }
}

/** The fastest variant, and the default one if that is another. */
function bestAndDefault(ready: readonly Ready[]): Ready[] {
  const timed = ready.filter(({ result }) => result.hot);
  const best = timed.toSorted((a, b) => a.result.hot!.ms.median - b.result.hot!.ms.median)[0];
  return timed.filter((one) => one === best || one.result.variant.isDefault);
}
