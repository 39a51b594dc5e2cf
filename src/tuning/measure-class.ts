/**
 * @file One class of layers: its candidates are compiled, verified and timed, one after the other, then the best
 * few in turns.
 */

import type { Conv2d } from '../kernels/conv2d-shape.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { type Tile, tileName } from '../kernels/tile.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { assertUsable } from '../runtime/gpu-context.ts';
import { sumTolerance } from './reference.ts';
import { prepareReference, type Tools, type Trial, timeInTurns, tryBounds } from './trial.ts';

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
  /** No further tile is tried after this moment of the stopwatch. */
  deadline: number;
  /** Called after each tile. */
  onTrial: () => void;
}

/** A tile that failed: to compile, to run, or to compute the right thing. */
export interface Rejection {
  tile: Tile;
  /** The size of Winograd's filtering, whose products have the tile. */
  winograd?: WinogradSize;
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

type TileTrial = Timed & Trial;

/** A tile that takes this many times as long as the best so far is not timed again. */
const farSlower = 3;

/** Tiles within this factor of the best one are timed again, in turns. */
export const close = 1.25;
const maxFinalists = 4;

/** A tile must be faster than the library's own choice by this factor; less is noise. */
export const worthwhile = 1.02;

/** With one tile there is nothing to compare; so many are timed even where time is short. */
export const leastTimed = 2;

/** The share of a class's time in which new tiles are tried; the rest is for the finalists. */
const trialShare = 0.75;

/** Tiles that are compiled while another is timed. */
const ahead = 3;

/**
 * Finds the fastest tile for a class.
 * @throws DBNetError `device-lost`; the signal's reason. A tile that fails is in `rejected` instead.
 */
export async function measureClass(task: ClassTask, tools: Tools): Promise<ClassResult> {
  const rejected: Rejection[] = [];
  const trials: TileTrial[] = [];
  const { stopwatch } = tools;
  const start = stopwatch.now();
  const trialDeadline = start + trialShare * (task.deadline - start);
  const tried = new Set<string>();
  let slowest = 0;
  let timed = 0;

  const attempt = async (tile: Tile): Promise<void> => {
    tools.signal?.throwIfAborted();
    tried.add(tileName(tile));
    const began = stopwatch.now();
    try {
      const trial = await tryTile(tile, task.conv, tools);
      timed += 1;
      const fastest = Math.min(...trials.map(({ ms }) => ms));
      if (trial.ms <= farSlower * fastest) trials.push(trial);
    } catch (error) {
      tools.signal?.throwIfAborted();
      assertUsable(tools.context);
      rejected.push({ tile, reason: error instanceof Error ? error.message : String(error) });
    }
    slowest = Math.max(slowest, stopwatch.now() - began);
    task.onTrial();
  };
  const untried = (tiles: readonly Tile[]) => tiles.filter((tile) => !tried.has(tileName(tile)));
  /** Tries the tiles that are new, as long as there is time. */
  const attemptAll = async (tiles: readonly Tile[]): Promise<void> => {
    const list = untried(tiles);
    for (const [i, tile] of list.entries()) {
      if (timed >= leastTimed && stopwatch.now() + slowest > trialDeadline) return;
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
    if (near.length === 0 || stopwatch.now() + slowest > trialDeadline) break;
    await attemptAll(near);
  }

  const standardName = tileName(task.standard);
  const isStandard = ({ tile }: TileTrial) => tileName(tile) === standardName;
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

/** Compiles a tile, compares its output with the reference, and times it. */
async function tryTile(tile: Tile, conv: Conv2d, tools: Tools): Promise<TileTrial> {
  const { buffers, precision, build } = tools;
  const kernel = build(conv, { tile, precision });
  const trial = await tryBounds([await buffers.bind(kernel)], sumTolerance(conv, precision), tools);
  return { tile, kernel, ...trial };
}

const fastestOf = (trials: readonly TileTrial[]): TileTrial | undefined =>
  trials.reduce<TileTrial | undefined>(
    (best, trial) => (best && best.ms <= trial.ms ? best : trial),
    undefined,
  );

/** The few fastest, and the library's own choice to compare them with. */
function chooseFinalists(
  trials: readonly TileTrial[],
  isStandard: (trial: TileTrial) => boolean,
): TileTrial[] {
  const sorted = trials.toSorted((a, b) => a.ms - b.ms);
  const few = sorted.slice(0, maxFinalists).filter(({ ms }) => ms <= close * sorted[0].ms);
  return few.some(isStandard) ? few : [...few, ...trials.filter(isStandard)];
}
