/**
 * @file Winograd's filtering against the best tile of the plain convolution, for one class of layers: both sizes, with
 * their transforms, verified by the same reference; then the products' tile of the better one.
 */

import type { Conv2d } from '../kernels/conv2d-shape.ts';
import { type Tile, tileName } from '../kernels/tile.ts';
import { type WinogradSize, winogradTiles } from '../kernels/winograd.ts';
import { assertUsable } from '../runtime/gpu-context.ts';
import { type ClassResult, close, type Rejection, type Timed, worthwhile } from './measure-class.ts';
import { sumTolerance } from './reference.ts';
import { prepareReference, type Tools, type Trial, timeInTurns, tryBounds } from './trial.ts';
import { productsOf, stepBuffers, winogradSteps } from './winograd-steps.ts';

export interface WinogradTask {
  conv: Conv2d;
  /** The tile whose output is the reference; it must be the one that was compared last. */
  reference: Tile;
  /** The best tile of the plain convolution. */
  direct: Timed;
  /** Sizes to try, the likeliest first. */
  sizes: readonly WinogradSize[];
  /** The size that the library takes by itself; undefined where that is the plain convolution. */
  standardSize: WinogradSize | undefined;
  /** The tile that the library takes by itself for products. */
  standardTile: (products: Conv2d) => Tile;
  /** Finds a better one. */
  tuneProducts: (products: Conv2d) => Promise<ClassResult>;
  /** Nothing new is begun after this moment of the stopwatch. */
  deadline: number;
  /** Called after each trial. */
  onTrial: () => void;
}

export interface TimedWinograd {
  size: WinogradSize;
  /** Of the products. */
  tile: Tile;
  ms: number;
}

export interface WinogradResult {
  best: TimedWinograd | undefined;
  /** What the library takes by itself, if that is Winograd's filtering. */
  standard: TimedWinograd | undefined;
  /** The plain convolution, timed in turns with these. */
  directMs: number;
  /** What was measured of the products of the best; undefined where that did not pay. */
  products: { conv: Conv2d; result: ClassResult } | undefined;
  rejected: Rejection[];
}

type WinogradTrial = TimedWinograd & Trial;

/** The products' tile is not looked for where Winograd is this many times slower than the plain convolution. */
const promising = 1.5;

/** Rounding errors of either size are at most about so many times those of the plain sum. */
const errorGrowth = 8;

/**
 * Times Winograd's filtering.
 * @throws DBNetError `device-lost`; the signal's reason. What fails is in `rejected`.
 */
export async function measureWinograd(task: WinogradTask, tools: Tools): Promise<WinogradResult> {
  const { conv, direct, deadline } = task;
  const { stopwatch } = tools;
  const rejected: Rejection[] = [];
  const attempt = async (size: WinogradSize, tile: Tile): Promise<WinogradTrial[]> => {
    tools.signal?.throwIfAborted();
    try {
      return [await tryWinograd(conv, size, tile, tools)];
    } catch (error) {
      tools.signal?.throwIfAborted();
      assertUsable(tools.context);
      rejected.push({ tile, winograd: size, reason: error instanceof Error ? error.message : String(error) });
      return [];
    } finally {
      task.onTrial();
    }
  };
  /** Times all of them and the plain convolution in turns; gives the time of that. */
  const timeWithPlain = async (trials: readonly WinogradTrial[]): Promise<number> => {
    // Bound anew: the candidates' uniforms may have been those of products in between.
    const bounds = [await tools.buffers.bind(direct.kernel)];
    const plain: Trial = { bounds, repetitions: trials[0].repetitions, ms: direct.ms };
    await timeInTurns([plain, ...trials], deadline, tools);
    return plain.ms;
  };

  const trials: WinogradTrial[] = [];
  for (const size of task.sizes) {
    if (trials.length > 0 && stopwatch.now() > deadline) break;
    trials.push(...(await attempt(size, task.standardTile(productsOf(conv, size)))));
  }
  const standard = trials.find(({ size }) => size === task.standardSize);
  const likely = fastestOf(trials);
  if (!likely) return { best: undefined, standard, directMs: direct.ms, products: undefined, rejected };
  const finalists = trials.filter((trial) => trial === standard || trial.ms <= close * likely.ms);
  const directMs = await timeWithPlain(finalists);
  // The size is decided here, for good: products are measured of that which is kept.
  const best = preferred(standard, finalists);
  if (best.ms > promising * directMs || stopwatch.now() >= deadline) {
    return { best, standard, directMs, products: undefined, rejected };
  }

  const { size } = best;
  const problem = productsOf(conv, size);
  const result = await task.tuneProducts(problem);
  rejected.push(...result.rejected);
  const products = { conv: problem, result };
  const tile = result.best?.tile;
  const differs = tile && tileName(tile) !== tileName(best.tile);
  // The products had a reference of their own.
  const tuned = differs && !(await prepareReference(task, tools)) ? await attempt(size, tile) : [];
  if (tuned.length === 0) return { best, standard, directMs, products, rejected };
  const ownSize = standard && standard !== best ? [standard] : [];
  const directAgain = await timeWithPlain([...tuned, best, ...ownSize]);
  return { best: preferred(best, [...tuned, best]), standard, directMs: directAgain, products, rejected };
}

const fastestOf = (trials: readonly WinogradTrial[]): WinogradTrial | undefined =>
  trials.toSorted((a, b) => a.ms - b.ms)[0];

/** The fastest, but the library's own choice unless another is worth the change. */
function preferred(own: WinogradTrial | undefined, trials: readonly WinogradTrial[]): WinogradTrial {
  const fastest = fastestOf(trials)!;
  return own && own.ms <= worthwhile * fastest.ms ? own : fastest;
}

/** Compiles all steps, compares what they write with the reference, and times them together. */
async function tryWinograd(
  conv: Conv2d,
  size: WinogradSize,
  tile: Tile,
  tools: Tools,
): Promise<WinogradTrial> {
  const { buffers, precision } = tools;
  const { weights, input, products, output } = winogradSteps(conv, size, tile, tools);
  const prepare = await buffers.bind(weights, 'winogradWeights', stepBuffers.weights);
  const steps = [
    await buffers.bind(input, 'winogradInput', stepBuffers.input),
    await buffers.bind(products, `winogradProducts${size}`, stepBuffers.products),
    await buffers.bind(output, 'winogradOutput', stepBuffers.output),
  ];
  const { absolute, relative } = sumTolerance(conv, precision);
  const tolerance = { absolute: errorGrowth * absolute, relative };
  return { size, tile, ...(await tryBounds(steps, tolerance, tools, [prepare])) };
}

/** How many times as long Winograd's filtering takes for all rows of a layer as for those that were measured. */
export function winogradScale(whole: Conv2d, measured: Conv2d, size: WinogradSize): number {
  const rows = ({ outHeight, outWidth }: Conv2d) =>
    winogradTiles(size, { height: outHeight, width: outWidth }).height;
  return rows(whole) / rows(measured);
}
