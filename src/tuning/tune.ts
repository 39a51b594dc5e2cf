/**
 * @file The autotuner: which tile is the fastest for which class of layers, measured on this device. Loaded only
 * where tuning is asked for.
 */

import { conv2d } from '../kernels/conv2d.ts';
import { type Conv2d, multiplyAdds } from '../kernels/conv2d-shape.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { type Tile, tileName } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { GpuContext } from '../runtime/gpu-context.ts';
import type { PipelineCache } from '../runtime/pipelines.ts';
import { candidates, neighbours, type TileTarget } from './candidates.ts';
import { type ClassResult, leastTimed, measureClass, type Tools } from './measure-class.ts';
import { Stopwatch } from './stopwatch.ts';
import type { TuningEntry } from './table.ts';
import { TuningBuffers } from './tuning-buffers.ts';
import { type ClassWork, groupByClass, withFewerRows } from './work.ts';

export interface TuneOptions {
  precision: Precision;
  pipelines: PipelineCache;
  /** The tile that is taken where nothing was measured. */
  standard: (conv: Conv2d) => Tile;
  /** Milliseconds after which no new candidate is begun. Default 2,000 on a GPU, 60,000 on a software adapter. */
  budgetMs?: number;
  /** Tiles to try instead of the menu; the standard tile is tried in any case. */
  tiles?: readonly Tile[];
  /** Makes the kernels. Default {@link conv2d}. */
  build?: typeof conv2d;
  /** Called after each candidate, with the number of classes that are done, and of all. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** A class that was measured. */
export interface TunedClass extends TuningEntry {
  /** See `layerClass`. */
  name: string;
  /** Layers of this class. */
  layers: number;
  /** What is taken without tuning, and its milliseconds; undefined where it failed. */
  standard: { tile: Tile; ms: number } | undefined;
}

export interface Tuning {
  /** The most expensive first. */
  classes: TunedClass[];
  /** Classes that were left as they are: no time, no memory, or nothing to choose from. */
  unmeasured: string[];
  /** Candidates that failed: to compile, to run, or to compute the right thing. */
  rejected: { name: string; tile: Tile; reason: string }[];
  /** Code of the fastest kernels, whose pipelines are worth keeping. */
  codes: string[];
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
  const { precision, pipelines, build = conv2d, signal, onProgress } = options;
  const { device, software } = context;
  const { budgetMs = software ? defaultBudget.software : defaultBudget.gpu } = options;
  const target: TileTarget = { precision, software, limits: device.limits };
  const reference: Tile = software
    ? { kind: 'direct', pixels: 8, channels: 4 }
    : { kind: 'direct', pixels: 4, channels: 8 };
  signal?.throwIfAborted();

  const start = performance.now();
  const tuning: Tuning = { classes: [], unmeasured: [], rejected: [], codes: [] };
  const tasks: { work: ClassWork; conv: Conv2d; kernel: Kernel }[] = [];
  for (const work of groupByClass(convs, precision)) {
    const conv = software ? withFewerRows(work.conv, softwareFlops) : work.conv;
    const kernel = build(conv, { tile: reference, precision });
    if (fitsMemory(kernel, device.limits)) tasks.push({ work, conv, kernel });
    else tuning.unmeasured.push(work.name);
  }
  if (tasks.length === 0) return tuning;

  let buffers: TuningBuffers | undefined;
  let stopwatch: Stopwatch | undefined;
  try {
    // What was submitted before must not be measured.
    await device.queue.onSubmittedWorkDone();
    stopwatch = await Stopwatch.open(context);
    const kernels = tasks.map(({ kernel }) => kernel);
    buffers = await TuningBuffers.create(context, pipelines, precision, kernels);
    const tools: Tools = { context, pipelines, buffers, stopwatch, precision, build, signal };
    const wins = new Map<string, number>();
    let slowest = 0;
    let flopsLeft = tasks.reduce((sum, { work }) => sum + work.flops, 0);
    for (const [index, { work, conv }] of tasks.entries()) {
      const now = performance.now();
      const left = start + budgetMs - now;
      // On a software adapter a tile can take seconds: there the reference and the fewest tiles must fit in.
      if (left <= (software ? (leastTimed + 1) * slowest : 0)) {
        tuning.unmeasured.push(work.name);
        continue;
      }
      const first = options.tiles ?? byWins(candidates(conv, target), wins);
      let trials = 0;
      const result = await measureClass(
        {
          conv,
          reference,
          standard: options.standard(work.conv),
          first,
          neighbours: (best) => (options.tiles ? [] : neighbours(conv, best, target)),
          // What a class does not need is left to the others.
          deadline: now + (left * work.flops) / flopsLeft,
          onTrial: () => {
            trials += 1;
            onProgress?.(index + Math.min(1, trials / (first.length + 1)), tasks.length);
          },
        },
        tools,
      );
      flopsLeft -= work.flops;
      slowest = Math.max(slowest, result.slowest);
      const best = record(tuning, work, conv, result);
      if (best) wins.set(tileName(best), (wins.get(tileName(best)) ?? 0) + 1);
    }
    onProgress?.(tasks.length, tasks.length);
    return tuning;
  } finally {
    buffers?.destroy();
    stopwatch?.destroy();
  }
}

/** Adds what was found for a class; gives the fastest tile. */
function record(
  tuning: Tuning,
  { name, layers, conv: whole }: ClassWork,
  conv: Conv2d,
  { best, standard, timed, rejected }: ClassResult,
): Tile | undefined {
  tuning.rejected.push(...rejected.map((rejection) => ({ name, ...rejection })));
  if (!best || timed < leastTimed) {
    tuning.unmeasured.push(name);
    return undefined;
  }
  // From the rows that were measured to those of the layer.
  const scale = multiplyAdds(whole) / multiplyAdds(conv);
  const ms = best.ms * scale;
  tuning.classes.push({
    name,
    layers,
    tile: best.tile,
    ms,
    gflops: (2 * multiplyAdds(whole)) / (ms * 1e6),
    standard: standard && { tile: standard.tile, ms: standard.ms * scale },
  });
  tuning.codes.push(best.kernel.code);
  return best.tile;
}

/** The tiles with those first that were the fastest for other classes: time may not suffice for all. */
function byWins(tiles: readonly Tile[], wins: ReadonlyMap<string, number>): Tile[] {
  const winsOf = (tile: Tile) => wins.get(tileName(tile)) ?? 0;
  return tiles.toSorted((a, b) => winsOf(b) - winsOf(a));
}

function fitsMemory({ bindings }: Kernel, limits: GPUSupportedLimits): boolean {
  const largest = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  return bindings.every(({ bytes }) => bytes <= largest);
}
