/**
 * @file One class of layers: its candidates are compiled, verified and timed, one after the other, then the best
 * few in turns.
 */

import type { conv2d } from '../kernels/conv2d.ts';
import type { Conv2d } from '../kernels/conv2d-shape.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { type Tile, tileName } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { assertNotLost, checked, type GpuContext } from '../runtime/gpu-context.ts';
import type { PipelineCache } from '../runtime/pipelines.ts';
import { checkSample, sumTolerance } from './reference.ts';
import type { Stopwatch } from './stopwatch.ts';
import { type Bound, dispatch, numberAt, type TuningBuffers } from './tuning-buffers.ts';

/** What measuring needs, the same for all classes. */
export interface Tools {
  context: GpuContext;
  pipelines: PipelineCache;
  buffers: TuningBuffers;
  stopwatch: Stopwatch;
  precision: Precision;
  /** Makes the kernels; a test may make wrong ones. */
  build: typeof conv2d;
  signal?: AbortSignal;
}

/** A class to be measured. */
export interface ClassTask {
  conv: Conv2d;
  /** The tile whose output is the reference. */
  reference: Tile;
  /** The tile that the library takes by itself. It is tried first. */
  standard: Tile;
  /** Tiles to try, the likeliest first. */
  first: readonly Tile[];
  /** More tiles, like the best so far. */
  neighbours: (best: Tile) => readonly Tile[];
  /** No further tile is tried after this moment of `performance.now()`. */
  deadline: number;
  /** Called after each tile. */
  onTrial: () => void;
}

/** A tile that failed: to compile, to run, or to compute the right thing. */
export interface Rejection {
  tile: Tile;
  reason: string;
}

export interface ClassResult {
  /** The fastest tile; undefined where nothing could be timed. */
  best: Timed | undefined;
  /** The library's own choice, if it could be timed. */
  standard: Timed | undefined;
  /** How many tiles were timed. */
  timed: number;
  /** Milliseconds that the slowest of them took, with compiling. */
  slowest: number;
  rejected: Rejection[];
}

export interface Timed {
  tile: Tile;
  kernel: Kernel;
  /** Milliseconds of one run: the median of the samples. */
  ms: number;
}

interface Trial extends Timed {
  bound: Bound;
  /** Runs per sample. */
  repetitions: number;
}

/** A tile that takes this many times as long as the best so far is not timed again. */
const farSlower = 3;

/** Tiles within this factor of the best one are timed again, in turns. */
const close = 1.25;
const maxFinalists = 4;

/** Samples of each finalist. */
const rounds = 5;

/** A tile must be faster than the library's own choice by this factor; less is noise. */
const worthwhile = 1.02;

/** With one tile there is nothing to compare; so many are timed even where time is short. */
export const leastTimed = 2;

/** The share of a class's time in which new tiles are tried; the rest is for the finalists. */
const trialShare = 0.75;

/** Tiles that are compiled while another is timed. */
const ahead = 3;

/** More dispatches than this in one pass are not needed. */
const maxRepetitions = 4096;

/**
 * Finds the fastest tile for a class.
 * @throws DBNetError `device-lost`; the signal's reason. A tile that fails is in `rejected` instead.
 */
export async function measureClass(task: ClassTask, tools: Tools): Promise<ClassResult> {
  const rejected: Rejection[] = [];
  const trials: Trial[] = [];
  const start = performance.now();
  const trialDeadline = start + trialShare * (task.deadline - start);
  const tried = new Set<string>();
  let slowest = 0;
  let timed = 0;

  const attempt = async (tile: Tile): Promise<void> => {
    tools.signal?.throwIfAborted();
    tried.add(tileName(tile));
    const began = performance.now();
    try {
      const trial = await tryTile(tile, task.conv, tools);
      timed += 1;
      const fastest = Math.min(...trials.map(({ ms }) => ms));
      if (trial.ms <= farSlower * fastest) trials.push(trial);
    } catch (error) {
      tools.signal?.throwIfAborted();
      assertNotLost(tools.context);
      rejected.push({ tile, reason: error instanceof Error ? error.message : String(error) });
    }
    slowest = Math.max(slowest, performance.now() - began);
    task.onTrial();
  };
  const untried = (tiles: readonly Tile[]) => tiles.filter((tile) => !tried.has(tileName(tile)));
  /** Tries the tiles that are new, as long as there is time. */
  const attemptAll = async (tiles: readonly Tile[]): Promise<void> => {
    const list = untried(tiles);
    for (const [i, tile] of list.entries()) {
      if (timed >= leastTimed && performance.now() + slowest > trialDeadline) return;
      compileAhead(list.slice(i + 1, i + 1 + ahead), task.conv, tools);
      await attempt(tile);
    }
  };

  const problem = await prepareReference(task, tools);
  if (problem) {
    const reason = `the reference is wrong: ${problem}`;
    rejected.push({ tile: task.reference, reason });
    return { best: undefined, standard: undefined, timed, slowest, rejected };
  }
  await attempt(task.standard);
  await attemptAll(task.first);
  // Uphill until no neighbour of the best tile is left, or no time.
  for (let best = fastestOf(trials); best; best = fastestOf(trials)) {
    const near = untried(task.neighbours(best.tile));
    if (near.length === 0 || performance.now() + slowest > trialDeadline) break;
    await attemptAll(near);
  }

  const standardName = tileName(task.standard);
  const isStandard = ({ tile }: Trial) => tileName(tile) === standardName;
  const finalists = chooseFinalists(trials, isStandard);
  await timeInTurns(finalists, task.deadline, tools);
  const standard = finalists.find(isStandard);
  const fastest = fastestOf(finalists);
  const keepsStandard = standard && fastest && standard.ms <= fastest.ms * worthwhile;
  return { best: keepsStandard ? standard : fastest, standard, timed, slowest, rejected };
}

/**
 * Lets the driver compile the next tiles while one is timed. Not on software adapters, which compile and compute on
 * the same cores. Failures are met when it is the tile's turn.
 */
function compileAhead(tiles: readonly Tile[], conv: Conv2d, tools: Tools): void {
  const { context, pipelines, precision, build } = tools;
  if (context.software) return;
  for (const tile of tiles) pipelines.get(build(conv, { tile, precision })).catch(() => {});
}

/** Runs the reference tile and keeps what it wrote. Gives what is wrong with it, if anything. */
async function prepareReference(
  { conv, reference }: ClassTask,
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
        timed: (pass) => dispatch(pass, bound),
        after: (encoder) =>
          encoder.copyBufferToBuffer(buffers.get('output'), 0, buffers.get('reference'), 0, bytes),
      }),
    );
    return await checkSample(context, conv, precision, buffers.get('reference'), numberAt);
  } catch (error) {
    assertNotLost(context);
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Compiles a tile, compares its whole output with the reference, and times it.
 * @throws Error that says why it is no candidate.
 */
async function tryTile(tile: Tile, conv: Conv2d, tools: Tools): Promise<Trial> {
  const { context, buffers, stopwatch, precision, build } = tools;
  const kernel = build(conv, { tile, precision });
  const bound = await buffers.bind(kernel);
  const bytes = outputBytes(kernel);
  const poison = await buffers.poison(bytes);
  const compare = await buffers.compare(bytes, sumTolerance(conv, precision));
  const wrong = buffers.get('wrong');
  const { word: wrongWords } = await checked(context, kernel.label, () =>
    stopwatch.run({
      before: (encoder) => {
        encoder.clearBuffer(wrong);
        inPass(encoder, poison);
      },
      timed: (pass) => dispatch(pass, bound),
      after: (encoder) => inPass(encoder, compare),
      word: wrong,
    }),
  );
  if (wrongWords > 0) throw new Error(`its output is wrong in ${wrongWords} of ${bytes / 4} words`);
  // That run is no sample: some drivers still compile in it.
  const trial: Trial = { tile, kernel, bound, repetitions: 1, ms: 0 };
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
async function sample({ bound, repetitions }: Trial, { context, stopwatch }: Tools): Promise<number> {
  const { ms } = await checked(context, bound.kernel.label, () =>
    stopwatch.run({ timed: (pass) => dispatch(pass, bound, repetitions) }),
  );
  return ms;
}

const fastestOf = (trials: readonly Trial[]): Trial | undefined =>
  trials.reduce<Trial | undefined>((best, trial) => (best && best.ms <= trial.ms ? best : trial), undefined);

/** The few fastest, and the library's own choice to compare them with. */
function chooseFinalists(trials: readonly Trial[], isStandard: (trial: Trial) => boolean): Trial[] {
  const sorted = trials.toSorted((a, b) => a.ms - b.ms);
  const few = sorted.slice(0, maxFinalists).filter(({ ms }) => ms <= close * sorted[0].ms);
  return few.some(isStandard) ? few : [...few, ...trials.filter(isStandard)];
}

/** Samples in turns (ABAB...), so that drifting clocks meet all alike. A trial's time becomes their median. */
async function timeInTurns(trials: readonly Trial[], deadline: number, tools: Tools): Promise<void> {
  if (trials.length < 2) return;
  const samples = trials.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    if (round > 0 && performance.now() > deadline) break;
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
  dispatch(pass, bound);
  pass.end();
}

const outputBytes = ({ bindings }: Kernel): number => bindings.find(({ name }) => name === 'output')!.bytes;
