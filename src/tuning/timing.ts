/**
 * @file How long GPU work takes, for the tuner and for the benchmark: one sample by timestamp queries where the device
 * has them, else by the slope between N and 2N repetitions, in which what a submit and its fence take drops out; many
 * samples of several works in turns.
 */

import { bufferUsage } from '../gpu/buffer-usage.ts';
import { checked, type GpuContext } from '../gpu/device.ts';
import type { Web } from '../web.ts';

const queryResolve = 0x200; // GPUBufferUsage.QUERY_RESOLVE, which Node has no global for
const mapModeRead = 0x1; // GPUMapMode.READ, likewise
const stampBytes = 8;

/** GPU work that can be repeated any number of times in one compute pass. */
export interface Work {
  label: string;
  /** Encodes it `repetitions` times. */
  encode(pass: GPUComputePassEncoder, repetitions: number): void;
}

/** Timestamps of passes, and their way to the CPU. */
export class TimestampReader {
  readonly #context: GpuContext;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  /** @param count timestamps that are taken per submit, two for each pass. */
  constructor(context: GpuContext, count: number) {
    const { memory } = context;
    this.#context = context;
    this.#queries = memory.createQuerySet({ label: 'timestamps', type: 'timestamp', count });
    const size = count * stampBytes;
    this.#resolved = memory.createBuffer({
      label: 'timestamps',
      size,
      usage: queryResolve | bufferUsage.copyFrom,
    });
    this.#staging = memory.createBuffer({
      label: 'timestamps, read back',
      size,
      usage: bufferUsage.mapRead | bufferUsage.copyTo,
    });
  }

  /** Where pass number `index` of a submit writes its start and its end. */
  writes(index: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    };
  }

  /** Submits the encoder's commands, waits, and gives all timestamps, nanoseconds. */
  async read(encoder: GPUCommandEncoder): Promise<BigUint64Array> {
    const { count } = this.#queries;
    encoder.resolveQuerySet(this.#queries, 0, count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, count * stampBytes);
    this.#context.device.queue.submit([encoder.finish()]);
    await this.#staging.mapAsync(mapModeRead);
    const stamps = new BigUint64Array(this.#staging.getMappedRange().slice(0));
    this.#staging.unmap();
    return stamps;
  }

  destroy(): void {
    this.#context.memory.free(this.#queries, this.#resolved, this.#staging);
  }
}

export type TimerMethod = 'timestamp' | 'slope';

export interface TimerOptions {
  /** Default: timestamps where the device has them. */
  method?: TimerMethod;
  /** Milliseconds that a sample takes at least. */
  minSampleMs: number;
}

/** A sample must be longer than so many steps of the GPU's clock, or, without timestamps, than so many fences. */
const minSteps = 100;
const minFences = 10;

/** No kernel needs more repetitions in one pass. */
const maxRepetitions = 1 << 16;

/** The longest pass that is begun because shorter ones were too short, as a multiple of the one before. */
const maxGrowth = 16;

export class Timer {
  readonly method: TimerMethod;
  /** Step of the GPU's clock as seen, nanoseconds; null without timestamps. */
  readonly stepNs: number | null;
  /** What an empty submit and its fence take, milliseconds. */
  readonly fenceMs: number;
  readonly #context: GpuContext;
  readonly #reader: TimestampReader | undefined;
  readonly #shortest: number;

  private constructor(
    context: GpuContext,
    reader: TimestampReader | undefined,
    { stepNs, fenceMs, minSampleMs }: { stepNs: number | null; fenceMs: number; minSampleMs: number },
  ) {
    this.#context = context;
    this.#reader = reader;
    this.method = reader ? 'timestamp' : 'slope';
    this.stepNs = stepNs;
    this.fenceMs = fenceMs;
    const least = stepNs === null ? minFences * fenceMs : (minSteps * stepNs) / 1e6;
    this.#shortest = Math.max(minSampleMs, least);
  }

  /** @throws Error where timestamps are asked for and the device has none. */
  static async open(context: GpuContext, { method, minSampleMs }: TimerOptions): Promise<Timer> {
    const { device } = context;
    const hasTimestamps = device.features.has('timestamp-query');
    if (method === 'timestamp' && !hasTimestamps) {
      throw new Error('this adapter has no timestamp queries: leave the choice of the timer to the program');
    }
    const fenceMs = await measureFence(device);
    if (method === 'slope' || !hasTimestamps) {
      return new Timer(context, undefined, { stepNs: null, fenceMs, minSampleMs });
    }
    const reader = new TimestampReader(context, 2);
    return new Timer(context, reader, { stepNs: await measureStep(context), fenceMs, minSampleMs });
  }

  /** How many repetitions make one sample long enough to be trusted, and milliseconds of one; it also warms up. */
  async calibrate(work: Work): Promise<{ repetitions: number; ms: number }> {
    let repetitions = 1;
    let total = (await this.#run(work, repetitions)) ?? 0;
    while (total < this.#shortest && repetitions < maxRepetitions) {
      // At least doubled, since short samples have a fixed part.
      const wanted = total > 0 ? (1.3 * this.#shortest * repetitions) / total : Number.POSITIVE_INFINITY;
      const growth = Math.min(Math.max(2, wanted / repetitions), maxGrowth);
      repetitions = Math.min(Math.ceil(growth * repetitions), maxRepetitions);
      total = (await this.#run(work, repetitions)) ?? 0;
    }
    return { repetitions, ms: total > 0 ? total / repetitions : Number.POSITIVE_INFINITY };
  }

  /** Milliseconds of one repetition, from one sample; undefined where the clock saw no time pass. */
  async sample(work: Work, repetitions: number): Promise<number | undefined> {
    const once = await this.#run(work, repetitions);
    if (once === undefined || this.method === 'timestamp') return once && once / repetitions;
    return slope(once, await this.#run(work, 2 * repetitions), repetitions);
  }

  /** Milliseconds since some moment. */
  now(): number {
    return performance.now();
  }

  destroy(): void {
    this.#reader?.destroy();
  }

  /** Milliseconds of a pass. */
  async #run(work: Work, repetitions: number): Promise<number | undefined> {
    const { device } = this.#context;
    return await checked(this.#context, `timing '${work.label}'`, async () => {
      const encoder = device.createCommandEncoder({ label: work.label });
      const pass = encoder.beginComputePass({
        label: work.label,
        timestampWrites: this.#reader?.writes(0),
      });
      work.encode(pass, repetitions);
      pass.end();
      if (!this.#reader) return await submitAndWait(device, encoder);
      const [start, end] = await this.#reader.read(encoder);
      // Some drivers let a pass end before it begins.
      return end > start ? Number(end - start) / 1e6 : undefined;
    });
  }
}

/** Time of one repetition from the times of N and of 2N; undefined where the second is not longer. */
export function slope(once: number, twice: number | undefined, repetitions: number): number | undefined {
  return twice !== undefined && twice > once ? (twice - once) / repetitions : undefined;
}

async function submitAndWait(device: GPUDevice, encoder: GPUCommandEncoder): Promise<number> {
  const commands = encoder.finish();
  const start = performance.now();
  device.queue.submit([commands]);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

async function measureFence(device: GPUDevice): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) times.push(await submitAndWait(device, device.createCommandEncoder()));
  return summarize(times).median;
}

/** Passes whose timestamps are looked at. */
const stepPasses = 16;

/** Chrome rounds timestamps to this many nanoseconds, unless it is started with `--enable-webgpu-developer-features`. */
const chromeStep = 65_536;

/** The step of the timestamps of a device, nanoseconds. */
async function measureStep(context: GpuContext): Promise<number> {
  const reader = new TimestampReader(context, 2 * stepPasses);
  const encoder = context.device.createCommandEncoder();
  for (let i = 0; i < stepPasses; i++) encoder.beginComputePass({ timestampWrites: reader.writes(i) }).end();
  const stamps = await reader.read(encoder);
  reader.destroy();
  return stepOf([...stamps]);
}

/**
 * The largest step of which all differences are multiples. Few timestamps may make it too large, which only makes
 * samples longer than they need be. Clocks with a step that is no whole number come out as 1, which is as harmless:
 * such steps are below a microsecond.
 */
export function stepOf(stamps: readonly bigint[]): number {
  let step = 0n;
  for (const stamp of stamps.slice(1)) {
    let [a, b] = [step, stamp > stamps[0] ? stamp - stamps[0] : stamps[0] - stamp];
    while (b > 0n) [a, b] = [b, a % b];
    step = a;
  }
  return step === 0n ? chromeStep : Math.min(Number(step), chromeStep);
}

/** What is kept of many samples. */
export interface Summary {
  median: number;
  p10: number;
  p90: number;
  /** Number of samples. */
  samples: number;
}

/** Median, p10 and p90 of at least one value, linear between neighbours (type 7 of Hyndman and Fan). */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error('there are no samples to summarize');
  const sorted = Float64Array.from(values).sort();
  const quantile = (q: number) => {
    const position = (sorted.length - 1) * q;
    const below = Math.floor(position);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  };
  return { median: quantile(0.5), p10: quantile(0.1), p90: quantile(0.9), samples: sorted.length };
}

export interface TurnOptions {
  /** Samples of each work. */
  samples: number;
  /** Works whose median is so many times that of the fastest are dropped once they have `fewSamples`. */
  hopeless: number;
  fewSamples: number;
  /** Each work is run for so long before the first sample, milliseconds. Default 0. */
  warmUpMs?: number;
  /** Once this is true, no work is sampled more than `leastSamples` times, default 1. */
  isLate?: () => boolean;
  leastSamples?: number;
  signal?: Web<'AbortSignal'>;
}

export interface Sampled {
  /** Milliseconds of one repetition. */
  ms: Summary;
  /** Repetitions in each sample. */
  repetitions: number;
}

/** Samples that are none are taken again, but not forever. */
const maxFailures = 10;

/**
 * Samples of several works, taken in turns (ABAB...), so that drifting clocks and temperatures meet all of them alike.
 * @returns one entry per work; undefined where the clock gave no valid sample.
 */
export async function takeTurns(
  timer: Pick<Timer, 'calibrate' | 'sample'>,
  works: readonly Work[],
  {
    samples,
    hopeless,
    fewSamples,
    warmUpMs = 0,
    isLate = () => false,
    leastSamples = 1,
    signal,
  }: TurnOptions,
): Promise<(Sampled | undefined)[]> {
  const runners: { work: Work; repetitions: number; expected: number; times: number[]; failures: number }[] =
    [];
  for (const work of works) {
    signal?.throwIfAborted();
    let { repetitions, ms } = await timer.calibrate(work);
    const begun = performance.now();
    while (performance.now() - begun < warmUpMs) await timer.sample(work, repetitions);
    // A warm clock is faster, so that a sample needs more repetitions.
    if (warmUpMs > 0) ({ repetitions, ms } = await timer.calibrate(work));
    runners.push({ work, repetitions, expected: ms, times: [], failures: 0 });
  }
  const timeOf = ({ times, expected }: (typeof runners)[number]) =>
    times.length > 0 ? summarize(times).median : expected;
  for (;;) {
    const alive = runners.filter(({ failures }) => failures < maxFailures);
    const fastest = Math.min(...alive.map(timeOf));
    const wanted = (runner: (typeof runners)[number]) => {
      if (isLate()) return leastSamples;
      return timeOf(runner) > hopeless * fastest ? Math.min(fewSamples, samples) : samples;
    };
    const unfinished = alive.filter((runner) => runner.times.length < wanted(runner));
    if (unfinished.length === 0) break;
    for (const runner of unfinished) {
      signal?.throwIfAborted();
      const ms = await timer.sample(runner.work, runner.repetitions);
      if (ms === undefined) runner.failures++;
      else runner.times.push(ms);
    }
  }
  return runners.map(({ times, repetitions }) =>
    times.length > 0 ? { ms: summarize(times), repetitions } : undefined,
  );
}
