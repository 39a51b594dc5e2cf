/**
 * @file The autotuner: which tile is the fastest for which class of layers, and whether Winograd's filtering is faster
 * than any, measured on this device. Loaded only where tuning is asked for.
 */

import { conv2d } from '../kernels/conv2d.ts';
import type { Conv2d } from '../kernels/conv2d-shape.ts';
import { type Tile, tileName } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import type { GpuContext } from '../runtime/gpu-context.ts';
import type { PipelineCache } from '../runtime/pipelines.ts';
import { candidates, neighbours, type TileTarget } from './candidates.ts';
import { type ClassToMeasure, createBuffers, fitsMemory, winogradSizesFor } from './class-buffers.ts';
import { leastTimed, measureClass } from './measure-class.ts';
import { measureWinograd } from './measure-winograd.ts';
import { GpuStopwatch, type Stopwatch } from './stopwatch.ts';
import type { Tools } from './trial.ts';
import { record, type Tuning } from './tuning.ts';
import type { TuningBuffers } from './tuning-buffers.ts';
import { groupByClass, withFewerRows } from './work.ts';

export interface TuneOptions {
  precision: Precision;
  pipelines: PipelineCache;
  /** The tile that is taken where nothing was measured. */
  standard: (conv: Conv2d) => Tile;
  /** Winograd's size where nothing was measured, for 3x3 convolutions of stride 1. Default: plain convolutions. */
  standardWinograd?: (conv: Conv2d) => WinogradSize | undefined;
  /** Milliseconds after which no new candidate is begun. Default 2,000 on a GPU, 60,000 on a software adapter. */
  budgetMs?: number;
  /** Tiles to try instead of the menu; the standard tile is tried in any case. */
  tiles?: readonly Tile[];
  /** Makes the kernels. Default {@link conv2d}. */
  build?: typeof conv2d;
  /** Opens what times are taken from. Default {@link GpuStopwatch}. */
  openStopwatch?: (context: GpuContext) => Promise<Stopwatch>;
  /** Called after each candidate, with the number of classes that are done, and of all. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

const defaultBudget = { gpu: 2_000, software: 60_000 } as const;

/** What one run may take on a software adapter, where a part of the pixels tells as much as all of them. */
const softwareFlops = 0.1e9;

/**
 * Measures the candidates of each class of `convs`, the most expensive class first, until all are done or the time
 * is up. A candidate's time counts only if its whole output agrees with the reference.
 * Takes as much memory as the largest tensors of the network; all of it is freed at the end.
 *
 * @throws the signal's reason; DBNetError `device-lost`, or `gpu-error` where the memory does not suffice.
 */
export async function tune(
  context: GpuContext,
  convs: readonly Conv2d[],
  options: TuneOptions,
): Promise<Tuning> {
  const { precision, pipelines, build = conv2d, openStopwatch = GpuStopwatch.open } = options;
  const { signal, onProgress } = options;
  const { device, software } = context;
  const { budgetMs = software ? defaultBudget.software : defaultBudget.gpu } = options;
  const target: TileTarget = { precision, software, limits: device.limits };
  const reference: Tile = software
    ? { kind: 'direct', pixels: 8, channels: 4 }
    : { kind: 'direct', pixels: 4, channels: 8 };
  signal?.throwIfAborted();

  const tuning: Tuning = { classes: [], unmeasured: [], rejected: [], codes: [] };
  const tasks: ClassToMeasure[] = [];
  for (const work of groupByClass(convs, precision)) {
    const conv = software ? withFewerRows(work.conv, softwareFlops) : work.conv;
    const kernel = build(conv, { tile: reference, precision });
    const sizes = winogradSizesFor(conv, reference, precision, device.limits);
    if (fitsMemory(kernel, device.limits)) tasks.push({ work, conv, kernel, sizes });
    else tuning.unmeasured.push(work.name);
  }
  if (tasks.length === 0) return tuning;

  let buffers: TuningBuffers | undefined;
  let stopwatch: Stopwatch | undefined;
  try {
    // What was submitted before must not be measured.
    await device.queue.onSubmittedWorkDone();
    stopwatch = await openStopwatch(context);
    const start = stopwatch.now();
    buffers = await createBuffers(context, options, tasks, reference);
    const tools: Tools = { context, pipelines, buffers, stopwatch, precision, build, signal };
    const wins = new Map<string, number>();
    let slowest = 0;
    let flopsLeft = tasks.reduce((sum, { work }) => sum + work.flops, 0);
    for (const [index, { work, conv, sizes }] of tasks.entries()) {
      const now = stopwatch.now();
      const left = start + budgetMs - now;
      // On a software adapter a tile can take seconds: there the reference and the fewest tiles must fit in.
      if (left <= (software ? (leastTimed + 1) * slowest : 0)) {
        tuning.unmeasured.push(work.name);
        continue;
      }
      let trials = 0;
      const likely = options.tiles ?? byWins(candidates(conv, target), wins);
      const onTrial = () => {
        trials += 1;
        onProgress?.(index + Math.min(1, trials / (likely.length + 1 + 2 * sizes.length)), tasks.length);
      };
      const measure = (problem: Conv2d, standard: Tile, first: readonly Tile[], deadline: number) =>
        measureClass(
          {
            conv: problem,
            reference,
            standard,
            first,
            neighbours: (best) => (options.tiles ? [] : neighbours(problem, best, target)),
            deadline,
            onTrial,
          },
          tools,
        );
      // What a class does not need is left to the others.
      const share = (left * work.flops) / flopsLeft;
      const directShare = sizes.length > 0 ? 0.5 * share : share;
      const result = await measure(conv, options.standard(work.conv), likely, now + directShare);
      const standardSize = options.standardWinograd?.(work.conv);
      const winograd =
        result.best &&
        result.timed >= leastTimed &&
        sizes.length > 0 &&
        (await measureWinograd(
          {
            conv,
            reference,
            direct: result.best,
            sizes: sizes.toSorted((a, b) => Number(b === standardSize) - Number(a === standardSize)),
            standardSize,
            standardTile: options.standard,
            tuneProducts: (products) =>
              measure(
                products,
                options.standard(products),
                options.tiles ?? byWins(candidates(products, target), wins),
                now + share,
              ),
            deadline: now + share,
            onTrial,
          },
          tools,
        ));
      flopsLeft -= work.flops;
      slowest = Math.max(slowest, result.slowest);
      const best = record(tuning, { work, conv, precision }, result, winograd || undefined);
      if (best) wins.set(tileName(best), (wins.get(tileName(best)) ?? 0) + 1);
    }
    onProgress?.(tasks.length, tasks.length);
    return tuning;
  } finally {
    buffers?.destroy();
    stopwatch?.destroy();
  }
}

/** The tiles with those first that were the fastest for other classes: time may not suffice for all. */
function byWins(tiles: readonly Tile[], wins: ReadonlyMap<string, number>): Tile[] {
  const winsOf = (tile: Tile) => wins.get(tileName(tile)) ?? 0;
  return tiles.toSorted((a, b) => winsOf(b) - winsOf(a));
}
