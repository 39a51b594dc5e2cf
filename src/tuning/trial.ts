/**
 * @file One way to compute a class of layers, from its pipelines to its time: verified against the reference, then
 * timed, alone and in turns with others.
 */

import type { conv2d } from '../kernels/conv2d.ts';
import type { Conv2d } from '../kernels/conv2d-shape.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { Tile } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { assertUsable, checked, type GpuContext } from '../runtime/gpu-context.ts';
import type { PipelineCache } from '../runtime/pipelines.ts';
import type { Tolerance } from './check-kernels.ts';
import { checkSample } from './reference.ts';
import type { Stopwatch } from './stopwatch.ts';
import { type Bound, dispatch, numberAt, type TuningBuffers } from './tuning-buffers.ts';

/** What measuring needs, the same for all classes. */
export interface Tools {
  context: GpuContext;
  pipelines: PipelineCache;
  buffers: TuningBuffers;
  stopwatch: Stopwatch;
  precision: Precision;
  /** Makes the kernels of convolutions; a test may make wrong ones. */
  build: typeof conv2d;
  signal?: AbortSignal;
}

/** Dispatches in order, of which the last writes the output. */
export interface Trial {
  bounds: readonly Bound[];
  /** Runs per sample. */
  repetitions: number;
  /** Milliseconds of one run: the median of the samples. */
  ms: number;
}

/** Samples of each of those that are timed in turns. */
const rounds = 5;

/** More runs than this in one pass are not needed. */
const maxRepetitions = 4096;

/** Runs the reference tile and keeps what it wrote. Gives what is wrong with it, if anything. */
export async function prepareReference(
  { conv, reference }: { conv: Conv2d; reference: Tile },
  { context, buffers, stopwatch, precision, build }: Tools,
): Promise<string | undefined> {
  try {
    const kernel = build(conv, { tile: reference, precision });
    const bound = await buffers.bind(kernel);
    const bytes = outputBytes(kernel);
    const poison = await buffers.poison(bytes);
    await checked(context, kernel.label, () =>
      stopwatch.run({
        before: (encoder) => inPass(encoder, poison),
        timed: [bound],
        after: (encoder) =>
          encoder.copyBufferToBuffer(buffers.get('output'), 0, buffers.get('reference'), 0, bytes),
      }),
    );
    return await checkSample(context, conv, precision, buffers.get('reference'), numberAt);
  } catch (error) {
    assertUsable(context);
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Runs the dispatches, compares the whole output with the reference, and times them.
 * @param first what is dispatched before, once.
 * @throws Error that says why it is no candidate.
 */
export async function tryBounds(
  bounds: readonly Bound[],
  tolerance: Tolerance,
  tools: Tools,
  first: readonly Bound[] = [],
): Promise<Trial> {
  const { context, buffers, stopwatch } = tools;
  const { kernel } = bounds[bounds.length - 1];
  const bytes = outputBytes(kernel);
  const poison = await buffers.poison(bytes);
  const compare = await buffers.compare(bytes, tolerance);
  const wrong = buffers.get('wrong');
  const { word: wrongWords } = await checked(context, kernel.label, () =>
    stopwatch.run({
      before: (encoder) => {
        encoder.clearBuffer(wrong);
        for (const bound of [poison, ...first]) inPass(encoder, bound);
      },
      timed: bounds,
      after: (encoder) => inPass(encoder, compare),
      word: wrong,
    }),
  );
  if (wrongWords > 0) throw new Error(`its output is wrong in ${wrongWords} of ${bytes / 4} words`);
  // That run is no sample: some drivers still compile in it.
  const trial: Trial = { bounds, repetitions: 1, ms: 0 };
  await calibrate(trial, tools);
  return trial;
}

/** Finds how many runs make a sample long enough, and takes one; the runs before it warm the device up. */
async function calibrate(trial: Trial, tools: Tools): Promise<void> {
  const { minSampleMs } = tools.stopwatch;
  let total = await sample(trial, tools);
  while (total < minSampleMs) {
    if (trial.repetitions >= maxRepetitions) throw new Error('the GPU clock gave no valid sample');
    tools.signal?.throwIfAborted();
    // At least doubled, as short samples have a fixed part; where nothing is known, in small steps.
    const wanted = total > 0 ? (1.3 * minSampleMs * trial.repetitions) / total : 4 * trial.repetitions;
    trial.repetitions = Math.min(Math.ceil(Math.max(2 * trial.repetitions, wanted)), maxRepetitions);
    total = await sample(trial, tools);
  }
  trial.ms = total / trial.repetitions;
}

/** Milliseconds of all runs of one sample. */
async function sample({ bounds, repetitions }: Trial, { context, stopwatch }: Tools): Promise<number> {
  const { ms } = await checked(context, bounds[0].kernel.label, () =>
    stopwatch.run({ timed: bounds, repetitions }),
  );
  return ms;
}

/** Samples in turns (ABAB...), so that drifting clocks meet all alike. A trial's time becomes their median. */
export async function timeInTurns(trials: readonly Trial[], deadline: number, tools: Tools): Promise<void> {
  if (trials.length < 2) return;
  const samples = trials.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    if (round > 0 && tools.stopwatch.now() > deadline) break;
    for (const [i, trial] of trials.entries()) {
      tools.signal?.throwIfAborted();
      const ms = (await sample(trial, tools)) / trial.repetitions;
      if (ms > 0) samples[i].push(ms);
    }
  }
  for (const [i, trial] of trials.entries()) if (samples[i].length > 0) trial.ms = median(samples[i]);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Encodes a kernel in a pass of its own. */
function inPass(encoder: GPUCommandEncoder, bound: Bound): void {
  const pass = encoder.beginComputePass();
  dispatch(pass, [bound]);
  pass.end();
}

const outputBytes = ({ bindings }: Kernel): number => bindings.find(({ name }) => name === 'output')!.bytes;
