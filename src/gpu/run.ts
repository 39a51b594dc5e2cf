/**
 * @file Replaying a program: one submit where the frame is short, several where it is long, so that progress can be
 * reported, an abort is noticed, and no driver's watchdog strikes.
 */

import type { Web } from '../web.ts';
import { encode, type Step } from './bind.ts';
import { assertUsable, type GpuContext } from './device.ts';

/** How much work goes into one submit: learnt from how long earlier ones took. */
export class SubmitSize {
  /** Milliseconds that one submit should take at most. */
  static readonly target = 250;
  #flopsPerMs: number;

  constructor(context: GpuContext) {
    // First guesses; a slow start costs a few more submits, a fast one nothing.
    this.#flopsPerMs = context.software ? 2e6 : 2e8;
  }

  get flops(): number {
    return this.#flopsPerMs * SubmitSize.target;
  }

  observe(flops: number, ms: number): void {
    // Short runs measure the fence, not the device.
    if (ms > 20) this.#flopsPerMs = flops / ms;
  }
}

export interface RunOptions {
  submitSize: SubmitSize;
  /** Commands that go into the last submit, after the last dispatch. */
  finish: (encoder: GPUCommandEncoder) => void;
  /** Called after each submit that is waited for, with floating-point operations done and in all. */
  onProgress?: (done: number, total: number) => void;
  signal?: Web<'AbortSignal'>;
}

/**
 * Submits all steps. On return the last commands are submitted, not necessarily done.
 * @throws the signal's reason when aborted before a submit; DBNetError `disposed`, `device-lost`.
 */
export async function run(
  context: GpuContext,
  steps: readonly Step[],
  { submitSize, finish, onProgress, signal }: RunOptions,
): Promise<void> {
  const { queue } = context.device;
  const total = steps.reduce((sum, { flops }) => sum + flops, 0);
  const submits = cutIntoSubmits(steps, submitSize.flops);
  let done = 0;
  onProgress?.(0, total);
  for (const [index, steps] of submits.entries()) {
    const last = index === submits.length - 1;
    signal?.throwIfAborted();
    assertUsable(context);
    const start = performance.now();
    submit(context, steps, last ? finish : undefined);
    if (last) break;
    await queue.onSubmittedWorkDone();
    const flops = steps.reduce((sum, step) => sum + step.flops, 0);
    submitSize.observe(flops, performance.now() - start);
    done += flops;
    onProgress?.(done, total);
  }
}

/** Submits steps, and what `finish` adds, in one piece. */
export function submit(
  { device }: GpuContext,
  steps: readonly Step[],
  finish?: (encoder: GPUCommandEncoder) => void,
): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encode(pass, steps);
  pass.end();
  finish?.(encoder);
  device.queue.submit([encoder.finish()]);
}

/** Cuts the steps, in order, into groups of at most `limit` floating-point operations (or of one step). */
export function cutIntoSubmits(steps: readonly Step[], limit: number): Step[][] {
  const groups: Step[][] = [];
  let room = 0;
  for (const step of steps) {
    if (groups.length === 0 || step.flops > room) {
      groups.push([]);
      room = limit;
    }
    groups[groups.length - 1].push(step);
    room -= step.flops;
  }
  return groups;
}
