/** @file The comparison: cold starts in turn, each result checked, then steady samples in turn. */

import { messageOf } from '../../src/describe.ts';
import { takeTurns, type Work } from '../../src/tuning/timing.ts';
import { checkMap, checkReference } from './check.ts';
import { type ContenderSpec, contenderSpecs, type OpenContender, type OpenPage } from './contenders.ts';
import type { ColdStart, ContenderInfo, Sample } from './page/harness.ts';

/** What one contender came to. */
export interface Outcome {
  spec: ContenderSpec;
  /** Why it has no figures, or not all. */
  error?: string;
  info?: ContenderInfo;
  /** Of P from ours, the worst of all cold starts; absent from the reference and from what gives no map. */
  difference?: number;
  cold: ColdStart[];
  steady: Sample[];
  /** Paths that the page fetched. */
  fetched: string[];
}

export interface MeasureOptions {
  /** Greatest difference of P. */
  tolerance: number;
  /** Milliseconds for cold starts, and again for steady samples; more where the least number needs it. */
  budget: number;
  /** Steady samples; the default depends on whether the adapter is software. */
  least?: number;
  most?: number;
  /** Ids of contenders; the reference always takes part. */
  only?: readonly string[];
  log: (line: string) => void;
}

export interface Measured {
  outcomes: Outcome[];
  browser: { version: string; flags: string[] };
  adapter: { name: string; software: boolean };
  /** Steady samples per contender. */
  least: number;
  most: number;
}

/** Greatest difference of P from ours. */
export const tolerance = 1e-3;

const coldStarts = { least: 1, most: 5 };
const steadySamples = { software: { least: 2, most: 10 }, gpu: { least: 20, most: 100 } };

/** A contender whose first result took longer is not run once more before samples count, milliseconds. */
const slow = 5000;

/** A contender that is so many times slower than the fastest gets the least number of steady samples. */
const hopeless = 3;

/**
 * Measures all contenders. One that fails or is wrong has `error` and no more figures.
 * @throws Error if the reference, ours, fails: then nothing can be checked.
 */
export async function measure(openPage: OpenPage, options: MeasureOptions): Promise<Measured> {
  const { tolerance, budget, only, log } = options;
  const seats = contenderSpecs
    .filter(({ id }, i) => i === 0 || !only || only.includes(id))
    .map((spec) => new Seat(spec, log));
  const [ours] = seats;
  let reference: Float32Array | undefined;

  try {
    await sampleInTurns(
      seats.map((seat) => ({
        seat,
        sample: () =>
          seat.attempt(async () => {
            if (seat !== ours && !reference) throw new Error('nothing to check it with: ours failed');
            const { map, info } = await seat.coldStart(openPage);
            if (seat === ours) {
              checkReference(map!);
              reference ??= map!;
            } else if (info.adapter !== undefined && info.adapter !== ours.outcome.info?.adapter) {
              throw new Error(
                `runs on another adapter: ${info.adapter}, ours on ${ours.outcome.info?.adapter}`,
              );
            }
            if (map) {
              const difference = checkMap(map, reference!, tolerance);
              if (seat !== ours) {
                seat.outcome.difference = Math.max(seat.outcome.difference ?? 0, difference);
              }
            }
            return seat.outcome.cold.at(-1)!.total;
          }),
      })),
      { budget, ...coldStarts, hopeless: Number.POSITIVE_INFINITY },
    );
    if (ours.outcome.error !== undefined) throw new Error(`dbnet-webgpu failed: ${ours.outcome.error}`);

    const { version, flags, software } = ours.open!.browser;
    const { least, most } = software ? steadySamples.software : steadySamples.gpu;
    const schedule = { budget, least: options.least ?? least, most: options.most ?? most, hopeless };
    const ready = seats.filter(({ outcome }) => outcome.error === undefined);
    for (const seat of ready) {
      if (seat.outcome.cold.at(-1)!.first < slow)
        await seat.attempt(() => seat.open!.sample()).catch(() => {});
    }
    await sampleInTurns(
      ready
        .filter(({ outcome }) => outcome.error === undefined)
        .map((seat) => ({ seat, sample: () => seat.attempt(() => seat.steadySample()) })),
      schedule,
    );
    if (ours.outcome.error !== undefined) throw new Error(`dbnet-webgpu failed: ${ours.outcome.error}`);
    return {
      outcomes: seats.map(({ outcome }) => outcome),
      browser: { version, flags },
      adapter: { name: ours.outcome.info?.adapter ?? '', software },
      least: schedule.least,
      most: schedule.most,
    };
  } finally {
    await Promise.all(seats.map((seat) => seat.open?.close()));
  }
}

/** Samples of all in turns, so that a slow minute of the machine hits all of them. One that fails is left out. */
async function sampleInTurns(
  contenders: readonly { seat: Seat; sample: () => Promise<number> }[],
  schedule: { budget: number; least: number; most: number; hopeless: number },
): Promise<void> {
  const { budget, least, most, hopeless } = schedule;
  const start = performance.now();
  const works = contenders.map(({ seat }): Work => ({ label: seat.outcome.spec.name, encode: () => {} }));
  await takeTurns(
    {
      calibrate: async () => ({ repetitions: 1, ms: 0 }),
      sample: async (work) => {
        const { seat, sample } = contenders[works.indexOf(work)];
        // The reason of a failure is the seat's.
        return seat.outcome.error === undefined ? await sample().catch(() => undefined) : undefined;
      },
    },
    works,
    {
      samples: most,
      leastSamples: least,
      fewSamples: least,
      hopeless,
      isLate: () => performance.now() - start > budget,
    },
  );
}

/** A contender, the browser that it has at the moment, and its figures. */
class Seat {
  readonly outcome: Outcome;
  readonly #log: (line: string) => void;
  open: OpenContender | undefined;

  constructor(spec: ContenderSpec, log: (line: string) => void) {
    this.outcome = { spec, cold: [], steady: [], fetched: [] };
    this.#log = (line) => log(`${spec.name}: ${line}`);
  }

  /** Does a part of the work; a failure becomes the outcome's error, and the browser is closed. */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.outcome.error = messageOf(error);
      this.outcome.cold = [];
      this.outcome.steady = [];
      this.#log(`error: ${this.outcome.error}`);
      await this.open?.close();
      this.open = undefined;
      throw error;
    }
  }

  /** A cold start in a page of its own, which stays for what follows. */
  async coldStart(openPage: OpenPage): Promise<{ map?: Float32Array; info: ContenderInfo }> {
    await this.open?.close();
    this.open = undefined;
    this.open = await openPage(this.outcome.spec);
    const { cold, info, map } = await this.open.cold();
    this.outcome.fetched = this.open.fetched();
    this.outcome.info = info;
    this.outcome.cold.push(cold);
    this.#log(`cold start ${seconds(cold.total)}`);
    return { map: map === undefined ? undefined : decodeMap(map), info };
  }

  /** @returns milliseconds. */
  async steadySample(): Promise<number> {
    const sample = await this.open!.sample();
    this.outcome.steady.push(sample);
    if (sample.run > slow) this.#log(`sample ${this.outcome.steady.length}: ${seconds(sample.run)}`);
    return sample.prepare + sample.run;
  }
}

/** A map as a page sends it. */
const decodeMap = (text: string) =>
  new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;
