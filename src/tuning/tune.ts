/**
 * @file The autotuner: for each class of layers the fastest way to compute it, measured on this device. Loaded only
 * where tuning is asked for.
 *
 * The default form's output is the reference: tests prove it right, on this and other devices. Forms that agree with it
 * take turns; those far behind are dropped, and the neighbours of the best are tried next, until there are none, the
 * time is up, or the best comes near to what the device can do.
 */

import { messageOf } from '../describe.ts';
import { encode } from '../gpu/bind.ts';
import { assertUsable, type GpuContext } from '../gpu/device.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { whileWaking } from '../gpu/wake.ts';
import type { WinogradChannels } from '../graph/choose-kernels.ts';
import type { KernelChoice } from '../graph/operation.ts';
import { type Convolution, convolution, gemmOf, multiplyAdds } from '../kernels/convolution.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { type Tile, tileName } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import type { Web } from '../web.ts';
import { candidates, neighbours, type TileTarget } from './candidates.ts';
import {
  canUseWinograd,
  groupByClass,
  type LayerClass,
  layerClass,
  winogradProducts,
  withFewerRows,
} from './classes.ts';
import { type Form, type FormKernels, formKernels, sumTolerance } from './forms.ts';
import { copyBytes, copyKernel, multiplyAddKernels, type Roofline, ratesOf } from './roofline.ts';
import type { TuningEntries, TuningEntry } from './table.ts';
import { Timer, takeTurns } from './timing.ts';
import { type Bound, type Placed, Workbench } from './workbench.ts';

/** All that tuning knows of time. */
export type TuningTimer = Pick<Timer, 'calibrate' | 'sample' | 'now' | 'destroy'>;

export interface TunerOptions {
  pipelines: PipelineCache;
  /** What is taken where nothing was measured. */
  standard: KernelChoice;
  /** The same of Winograd's filtering. Default: plain convolutions. */
  standardWinograd?: (conv: WinogradChannels) => WinogradSize | undefined;
  /** Milliseconds after which no new form is begun. Default 2,000 on a GPU, 60,000 on a software adapter. */
  budgetMs?: number;
  /** Tiles to try instead of the menu; the standard tile is tried in any case. */
  tiles?: readonly Tile[];
  /** Makes the kernels that have a tile. Default {@link convolution}. */
  build?: typeof convolution;
  /** Opens what times are taken from. Default {@link Timer}. */
  openTimer?: (context: GpuContext) => Promise<TuningTimer>;
  /** Called after each form, with the number of classes that are done, and of all. */
  onProgress?: (done: number, total: number) => void;
  signal?: Web<'AbortSignal'>;
}

/** A class that was measured. */
export interface TunedClass extends TuningEntry {
  /** See `layerClass`. */
  name: string;
  /** Layers of this class. */
  layers: number;
  /** What is taken without tuning, and its milliseconds; undefined where it failed. */
  standard: { tile: Tile; ms: number; winograd?: WinogradSize } | undefined;
  /** The products of `winograd`, which are a class of their own: their tile, and the time that is a part of that. */
  products?: TuningEntry & { name: string };
}

/** A form that failed: to compile, to run, or to compute the right thing. */
export interface Rejection {
  /** The class's. */
  name: string;
  tile: Tile;
  /** The size of Winograd's filtering, whose products have the tile. */
  winograd?: WinogradSize;
  reason: string;
}

export interface Tuning {
  /** The most expensive first. */
  classes: TunedClass[];
  /** Classes that were left as they are: no time, no memory, or nothing to choose from. */
  unmeasured: string[];
  rejected: Rejection[];
  /** What a table says of the measured classes, and of the products of Winograd's filtering. */
  entries: TuningEntries;
  /** Code of the fastest kernels, whose pipelines are worth keeping. */
  codes: string[];
}

const defaultBudget = { gpu: 2_000, software: 60_000 } as const;

/** What one run may take on a software adapter, where a part of the pixels tells as much as all of them. */
const softwareFlops = 0.1e9;

/** Milliseconds that a sample takes at least. */
const minSampleMs = 1.5;

/** Samples of each form in a round of turns; forms so many times slower than the best get one, and no more rounds. */
const turns = { samples: 3, hopeless: 1.25, fewSamples: 1 } as const;

/** A form must be faster than the standard one by this factor; less is noise. */
const worthwhile = 1.02;

/** With one form there is nothing to compare; so many are timed even where time is short. */
const leastTimed = 2;

/** Nothing more is tried once the best reaches this share of the roofline. */
const nearTheRoof = 0.8;

/** Forms that are compiled while another is timed. */
const ahead = 3;

/** What measuring needs, the same for all classes. */
interface Tools
  extends Required<Pick<TunerOptions, 'pipelines' | 'standard' | 'standardWinograd' | 'build'>> {
  context: GpuContext;
  bench: Workbench;
  timer: TuningTimer;
  roofline: Roofline;
  target: TileTarget;
  tiles?: readonly Tile[];
  signal?: Web<'AbortSignal'>;
}

/** A class with the rows of it that are measured. */
interface Task {
  layers: LayerClass;
  conv: Convolution;
  sizes: readonly WinogradSize[];
}

/** A form that agrees with the reference. */
interface Trial {
  form: Form;
  kernels: FormKernels;
  bound: Bound;
  /** Milliseconds of one run. */
  ms: number;
}

/**
 * Measures each class of `convs`, the most expensive first, until all are done or the time is up.
 * Takes as much memory as the largest tensors of the network; all of it is freed at the end.
 *
 * @throws the signal's reason; DBNetError `device-lost`, or `gpu-error` where the memory does not suffice.
 */
export async function tune(
  context: GpuContext,
  convs: readonly Convolution[],
  options: TunerOptions,
): Promise<Tuning> {
  const { pipelines, standard, standardWinograd = () => undefined, build = convolution } = options;
  const { signal, onProgress } = options;
  const { openTimer = (opened) => Timer.open(opened, { minSampleMs }) } = options;
  const { precision } = standard;
  const { device, software, quads } = context;
  const { budgetMs = software ? defaultBudget.software : defaultBudget.gpu } = options;
  signal?.throwIfAborted();
  const tuning: Tuning = { classes: [], unmeasured: [], rejected: [], entries: {}, codes: [] };
  const tasks: Task[] = [];
  const placed: Placed[] = [];
  for (const layers of groupByClass(convs, precision)) {
    const conv = software ? withFewerRows(layers.conv, softwareFlops) : layers.conv;
    const kernelsOf = (winograd?: WinogradSize) => {
      const form = { tile: standard.tile(winograd ? winogradProducts(conv, winograd) : conv), winograd };
      const { prepare, steps } = formKernels(conv, form, standard, convolution);
      return [...prepare, ...steps];
    };
    const fits = (kernels: readonly Placed[]) => kernels.every(({ kernel }) => fitsMemory(kernel, device));
    const plain = kernelsOf();
    if (!fits(plain)) {
      tuning.unmeasured.push(layers.name);
      continue;
    }
    // Rounding errors of Winograd's filtering grow too much in f16.
    const sizes = ([4, 2] as const).filter(
      (size) => precision === 'f32' && canUseWinograd(conv) && fits(kernelsOf(size)),
    );
    placed.push(...plain, ...sizes.flatMap(kernelsOf));
    tasks.push({ layers, conv, sizes });
  }
  if (tasks.length === 0) return tuning;

  let bench: Workbench | undefined;
  let timer: TuningTimer | undefined;
  try {
    // What was submitted before must not be measured.
    await whileWaking(device, device.queue.onSubmittedWorkDone());
    timer = await openTimer(context);
    const roofline = await measureRoofline(context, pipelines, timer, precision, signal);
    bench = await Workbench.create(context, pipelines, placed);
    const target: TileTarget = { precision, software, quads, limits: device.limits };
    const { tiles } = options;
    const given = { context, pipelines, standard, standardWinograd, build, signal };
    const tools = { ...given, bench, timer, roofline, target, tiles };
    const wins = new Map<string, number>();
    // From here on, so that a busy machine does not use it up before the first form.
    const start = timer.now();
    let slowest = 0;
    let flopsLeft = tasks.reduce((sum, { layers }) => sum + layers.flops, 0);
    for (const [index, task] of tasks.entries()) {
      const { name, flops } = task.layers;
      const left = start + budgetMs - timer.now();
      // On a software adapter a form can take seconds: there the fewest must fit in.
      if (left <= (software ? leastTimed * slowest : 0)) {
        tuning.unmeasured.push(name);
        continue;
      }
      // What a class does not need is left to the others.
      const deadline = timer.now() + (left * flops) / flopsLeft;
      flopsLeft -= flops;
      const likely = (conv: Convolution) => tiles ?? byWins(candidates(gemmOf(conv), target), wins);
      const expected = likely(task.conv).length + 1 + 2 * task.sizes.length;
      let tried = 0;
      const search = new Search(task, tools, {
        deadline,
        onTrial: () => onProgress?.(index + Math.min(1, ++tried / expected), tasks.length),
      });
      try {
        await search.run(likely);
        const found = await search.result();
        tuning.rejected.push(...search.rejected);
        slowest = Math.max(slowest, search.slowest);
        if (!found) {
          tuning.unmeasured.push(name);
          continue;
        }
        tuning.classes.push(found.tuned);
        tuning.codes.push(...found.codes);
        tuning.entries = { ...tuning.entries, ...entriesOf(found.tuned) };
        for (const { tile } of [found.tuned, found.tuned.products ?? found.tuned]) {
          wins.set(tileName(tile), (wins.get(tileName(tile)) ?? 0) + 1);
        }
      } finally {
        search.destroy();
      }
    }
    onProgress?.(tasks.length, tasks.length);
    return tuning;
  } finally {
    bench?.destroy();
    timer?.destroy();
  }
}

/** The fastest form of one class. */
class Search {
  readonly rejected: Rejection[] = [];
  /** Milliseconds that the slowest form took, with compiling. */
  slowest = 0;
  readonly #task: Task;
  readonly #tools: Tools;
  readonly #deadline: number;
  readonly #onTrial: () => void;
  readonly #tried = new Set<string>();
  readonly #trials: Trial[] = [];

  constructor(task: Task, tools: Tools, options: { deadline: number; onTrial: () => void }) {
    this.#task = task;
    this.#tools = tools;
    this.#deadline = options.deadline;
    this.#onTrial = options.onTrial;
  }

  /** Tries forms until no better one is left, or no time. `likely` gives the first tiles of a convolution. */
  async run(likely: (conv: Convolution) => readonly Tile[]): Promise<void> {
    const { conv, sizes } = this.#task;
    if (!(await this.#try(this.#standardForm(undefined)))) return;
    const usual = this.#usualSize();
    const byDefault = sizes.toSorted((a, b) => Number(b === usual) - Number(a === usual));
    const untried = (forms: readonly Form[]) => forms.filter((form) => !this.#tried.has(nameOf(form)));
    let next = untried([
      ...byDefault.map((size) => this.#standardForm(size)),
      ...likely(conv).map((tile) => ({ tile })),
    ]);
    while (next.length > 0) {
      for (const [i, form] of next.entries()) {
        if (this.#isLate(this.slowest)) break;
        this.#compileAhead(next.slice(i + 1, i + 1 + ahead));
        await this.#try(form);
      }
      await this.#takeTurns();
      if (this.#isLate(this.slowest) || this.#isNearTheRoof()) return;
      next = untried(this.#neighbours(this.#fastest()!.form));
    }
  }

  /** What was found, and the codes of the best kernels; undefined where there was nothing to choose from. */
  async result(): Promise<{ tuned: TunedClass; codes: string[] } | undefined> {
    if (this.#trials.length < leastTimed) return undefined;
    const { layers, conv } = this.#task;
    const { standard: choice, timer } = this.#tools;
    const usual = nameOf(this.#standardForm(this.#usualSize()));
    const standard = this.#trials.find(({ form }) => nameOf(form) === usual);
    const best = (trials: readonly Trial[]): Trial | undefined => {
      const fastest = fastestOf(trials);
      if (!standard || !fastest || !trials.includes(standard)) return fastest;
      return standard.ms <= worthwhile * fastest.ms ? standard : fastest;
    };
    const plain = best(this.#trials.filter(({ form }) => !form.winograd))!;
    const transformed = best(this.#trials.filter(({ form }) => form.winograd));
    // From the rows that were measured to those of the layer.
    const scale = multiplyAdds(layers.conv) / multiplyAdds(conv);
    const entry = ({ form: { tile } }: Trial, ms: number, of: Convolution): TuningEntry => ({
      tile,
      ms: ms * scale,
      gflops: (2 * multiplyAdds(of)) / (ms * 1e6),
    });
    const tuned: TunedClass = {
      name: layers.name,
      layers: layers.layers,
      ...entry(plain, plain.ms, conv),
      standard: standard && formWith(standard, standard.ms * scale),
    };
    const codes = [plain.kernels.tiled.code];
    const size = transformed?.form.winograd;
    if (transformed && size) tuned.winograd = { size, ms: transformed.ms * scale };
    if (transformed && size && transformed.ms < plain.ms) {
      const { bound, kernels } = transformed;
      const step = bound.steps[kernels.steps.findIndex(({ kernel }) => kernel === kernels.tiled)];
      const alone = await timer.calibrate({
        label: step.label,
        encode: (pass, repetitions) => encode(pass, [step], repetitions),
      });
      tuned.products = {
        name: layerClass(winogradProducts(layers.conv, size), choice.precision),
        ...entry(transformed, alone.ms, winogradProducts(conv, size)),
      };
      codes.push(kernels.tiled.code);
    }
    return { tuned, codes };
  }

  destroy(): void {
    for (const { bound } of this.#trials) bound.destroy();
  }

  /** Winograd's size by default, where it can be tried. */
  #usualSize(): WinogradSize | undefined {
    const { conv, sizes } = this.#task;
    if (!canUseWinograd(conv)) return undefined;
    const sources = conv.sources.map(({ channels }) => ({ inChannels: channels }));
    const usual = this.#tools.standardWinograd({ sources, outChannels: conv.outChannels });
    return sizes.find((size) => size === usual);
  }

  /** The form with the default tile. */
  #standardForm(winograd: WinogradSize | undefined): Form {
    const { conv } = this.#task.layers;
    const tile = this.#tools.standard.tile(winograd ? winogradProducts(conv, winograd) : conv);
    return winograd ? { tile, winograd } : { tile };
  }

  #neighbours({ tile, winograd }: Form): Form[] {
    const { conv } = this.#task;
    const { tiles, target } = this.#tools;
    const problem = winograd ? winogradProducts(conv, winograd) : conv;
    const near = tiles ?? neighbours(gemmOf(problem), tile, target);
    return near.map((other) => (winograd ? { tile: other, winograd } : { tile: other }));
  }

  /** The first that is tried is the reference. Gives false for a form that failed. */
  async #try(form: Form): Promise<boolean> {
    const { context, bench, timer, target, standard, build, signal } = this.#tools;
    const { conv, layers } = this.#task;
    signal?.throwIfAborted();
    this.#tried.add(nameOf(form));
    const began = timer.now();
    let bound: Bound | undefined;
    try {
      const kernels = formKernels(conv, form, standard, build);
      bound = await bench.bind(kernels.steps);
      if (this.#trials.length === 0) await bench.keep(bound);
      else {
        if (kernels.prepare.length > 0) await runOnce(bench, kernels.prepare);
        await bench.compare(bound, sumTolerance(conv, target.precision, form));
      }
      // That run is no sample: some drivers still compile in it.
      const { ms } = await timer.calibrate(bound);
      if (!Number.isFinite(ms)) throw new Error('the GPU clock gave no valid sample');
      this.#trials.push({ form, kernels, bound, ms });
      return true;
    } catch (error) {
      bound?.destroy();
      signal?.throwIfAborted();
      assertUsable(context);
      const reason = messageOf(error);
      this.rejected.push({ name: layers.name, ...form, reason });
      return false;
    } finally {
      this.slowest = Math.max(this.slowest, timer.now() - began);
      this.#onTrial();
    }
  }

  /** Those that are not far behind are timed again, in turns, the standard form among them. */
  async #takeTurns(): Promise<void> {
    const { timer, signal } = this.#tools;
    const fastest = this.#fastest()!;
    const usual = nameOf(this.#standardForm(this.#usualSize()));
    const alive = this.#trials.filter(
      (trial) => trial.ms <= turns.hopeless * fastest.ms || nameOf(trial.form) === usual,
    );
    if (alive.length < 2) return;
    const sampled = await takeTurns(
      timer,
      alive.map(({ bound }) => bound),
      { ...turns, isLate: () => this.#isLate(0), signal },
    );
    for (const [i, trial] of alive.entries()) trial.ms = sampled[i]?.ms.median ?? trial.ms;
  }

  #fastest(): Trial | undefined {
    return fastestOf(this.#trials);
  }

  /** True once what takes `ms` would end after the deadline; the fewest are tried even so. */
  #isLate(ms: number): boolean {
    return this.#trials.length >= leastTimed && this.#tools.timer.now() + ms > this.#deadline;
  }

  #isNearTheRoof(): boolean {
    const { roofline, target } = this.#tools;
    const { form, kernels, ms } = this.#fastest()!;
    // A Winograd form's transforms have no roof of their own to speak of.
    if (form.winograd) return false;
    return (ratesOf(kernels.tiled, ms, target.precision, roofline).roofline ?? 0) >= nearTheRoof;
  }

  /** Lets the driver compile the next forms while one is timed, but on the cores that compute. Failures are met later. */
  #compileAhead(forms: readonly Form[]): void {
    const { context, pipelines, standard, build } = this.#tools;
    if (context.software) return;
    for (const form of forms) {
      const { steps } = formKernels(this.#task.conv, form, standard, build);
      for (const { kernel } of steps) pipelines.get(kernel).catch(() => {});
    }
  }
}

const formWith = ({ form: { tile, winograd } }: Trial, ms: number) => ({
  tile,
  ms,
  ...(winograd && { winograd }),
});

const nameOf = ({ tile, winograd }: Form): string => `${winograd ?? ''} ${tileName(tile)}`;

const fastestOf = (trials: readonly Trial[]): Trial | undefined => trials.toSorted((a, b) => a.ms - b.ms)[0];

/** What a table says of a class: its own entry, and that of the products of Winograd's filtering. */
function entriesOf({ name, tile, ms, gflops, winograd, products }: TunedClass): TuningEntries {
  const own = { [name]: { tile, ms, gflops, ...(winograd && { winograd }) } };
  if (!products) return own;
  const { name: form, ...entry } = products;
  return { ...own, [form]: entry };
}

/** The tiles with those first that were the fastest for other classes: time may not suffice for all. */
function byWins(tiles: readonly Tile[], wins: ReadonlyMap<string, number>): Tile[] {
  const winsOf = (tile: Tile) => wins.get(tileName(tile)) ?? 0;
  return tiles.toSorted((a, b) => winsOf(b) - winsOf(a));
}

/** True where the device allows buffers as large as the kernel's. */
function fitsMemory({ bindings }: Kernel, { limits }: GPUDevice): boolean {
  const largest = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  return bindings.every(({ bytes }) => bytes <= largest);
}

async function runOnce(bench: Workbench, kernels: readonly Placed[]): Promise<void> {
  const bound = await bench.bind(kernels);
  try {
    await bench.run(bound);
  } finally {
    bound.destroy();
  }
}

/** What the device can do at best, by the fastest of a few samples. */
async function measureRoofline(
  context: GpuContext,
  pipelines: PipelineCache,
  timer: TuningTimer,
  precision: Precision,
  signal: Web<'AbortSignal'> | undefined,
): Promise<Roofline> {
  const best = async (kernels: readonly Kernel[], of: 'flops' | 'bytes'): Promise<number | null> => {
    const bench = await Workbench.create(
      context,
      pipelines,
      kernels.map((kernel) => ({ kernel })),
    );
    try {
      const rates: number[] = [];
      for (const kernel of kernels) {
        signal?.throwIfAborted();
        const bound = await bench.bind([{ kernel }]);
        const { ms } = await timer.calibrate(bound);
        bound.destroy();
        rates.push(kernel[of] / (ms * 1e6));
      }
      return Math.max(...rates) || null;
    } finally {
      bench.destroy();
    }
  };
  const peak = await best(multiplyAddKernels(precision, context), 'flops');
  return {
    f32GFlops: precision === 'f32' ? peak : null,
    f16GFlops: precision === 'f16' ? peak : null,
    copyGBs: await best([copyKernel(copyBytes.software)], 'bytes'),
  };
}
