/**
 * @file A long life in short: frames of 20 sizes, several detectors at once, streams that are left in the middle, and devices that
 * are lost at random moments. After every round what is held must be what was held after the first.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import type { Maps } from '../../src/detect/types.ts';
import { DBNetError } from '../../src/errors.ts';
import type { RawImage } from '../../src/input/types.ts';
import { random } from '../gpu/assert.ts';
import { tinyWeights } from '../gpu/small-engine.ts';
import { type WatchedGpu, watchedGpu } from '../gpu/watch-device.ts';

/** What is done in a round. */
export interface SoakPlan {
  seed: number;
  /** Frames of each size in each round, for each detector. */
  repetitions: number;
  /** Devices that are lost in each round. */
  losses: number;
  /** `maxCachedSizes` of each detector. */
  detectors: readonly number[];
}

/** What is held on the GPU, and what was done so far. */
export interface SoakRound {
  /** Frames with a result, all rounds together. */
  frames: number;
  /** Devices that were lost, all rounds together. */
  losses: number;
  /** Calls that failed with `device-lost`, as they should. */
  failed: number;
  gpuBytes: number;
  /** Buffers and textures. */
  gpuObjects: number;
  /** What `memory` of the detectors says. */
  statedBytes: number;
}

/** A call that takes longer hangs. */
const patience = 120_000;

/** More than are computed at a time, so that results wait for each other. */
const burst = 12;

/** Sizes of the network: wide ones, tall ones, and one that is the largest. */
const sizes = Array.from({ length: 20 }, (_, i) => ({
  width: 32 * (1 + (i % 5)),
  height: 32 * (1 + (i % 4)),
}));
const largest = { width: 160, height: 128 };

/** The default size is one of them. */
const input = { size: { rule: 'shortSide', value: 32 } };

/** A picture of another size than the network's. */
function picture({ width, height }: { width: number; height: number }): RawImage {
  const next = random(width * height + width);
  const size = { width: width - 5, height: height + 7 };
  const data = Uint8Array.from({ length: 3 * size.width * size.height }, () => next() * 256);
  return { data, ...size, channels: 3 };
}

async function within<T>(call: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end in ${patience / 1000} s`)), patience);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

const isLoss = (error: unknown) => error instanceof DBNetError && error.code === 'device-lost';

/** Detectors that live as long as it does. */
export class Soak {
  readonly #plan: SoakPlan;
  readonly #gpus: readonly WatchedGpu[];
  readonly #detectors: readonly TextDetector[];
  readonly #pictures = sizes.map(picture);
  /** P of each size, as it was found first. */
  readonly #expected: (Float32Array | undefined)[] = sizes.map(() => undefined);
  readonly #next: () => number;
  #frames = 0;
  #losses = 0;
  #failed = 0;

  private constructor(plan: SoakPlan, gpus: readonly WatchedGpu[], detectors: readonly TextDetector[]) {
    this.#plan = plan;
    this.#gpus = gpus;
    this.#detectors = detectors;
    this.#next = random(plan.seed);
  }

  static async open(gpu: GPU, plan: SoakPlan): Promise<Soak> {
    const gpus = plan.detectors.map(() => watchedGpu(gpu));
    const detectors = await Promise.all(
      plan.detectors.map((maxCachedSizes, i) =>
        TextDetector.create({ weights: tinyWeights(true, input), gpu: gpus[i].gpu, maxCachedSizes }),
      ),
    );
    return new Soak(plan, gpus, detectors);
  }

  /** @throws Error for a result that is another than the first one of its size, for a call that hangs, and for what stays on a lost device. */
  async round(): Promise<SoakRound> {
    for (let i = 0; i < this.#plan.losses; i++) await this.#lose(this.#whole(this.#detectors.length));
    await Promise.all(this.#detectors.map((detector) => this.#stream(detector)));
    await Promise.all(this.#detectors.map((detector) => this.#allSizes(detector)));
    for (const { devices } of this.#gpus) await devices.at(-1)!.device.queue.onSubmittedWorkDone();
    const watched = this.#gpus.map(({ devices }) => devices.at(-1)!.watched);
    return {
      frames: this.#frames,
      losses: this.#losses,
      failed: this.#failed,
      gpuBytes: watched.reduce((sum, device) => sum + device.heldBytes(), 0),
      gpuObjects: watched.reduce((sum, device) => sum + device.held().length, 0),
      statedBytes: this.#detectors
        .flatMap(({ memory }) => Object.values(memory))
        .reduce((sum, bytes) => sum + bytes, 0),
    };
  }

  /** @throws Error if something stays. */
  dispose(): void {
    for (const detector of this.#detectors) detector.dispose();
    for (const { devices } of this.#gpus) assertNothingHeld(devices.at(-1)!, 'dispose()');
  }

  /** A whole number from 0 to `end`, without it. */
  #whole(end: number): number {
    return Math.floor(this.#next() * end);
  }

  /** A frame of a size, which must be as the first one was. */
  async #frame(detector: TextDetector, index: number): Promise<void> {
    const call = detector.detect(this.#pictures[index], { size: sizes[index], maps: true });
    const { maps } = await within(call, `a frame of ${sizes[index].width}x${sizes[index].height}`);
    this.#judge(index, maps);
  }

  #judge(index: number, maps: Maps): void {
    this.#frames++;
    this.#expected[index] ??= maps.P;
    const first = this.#expected[index];
    if (!maps.P.every((value, i) => Object.is(value, first[i]))) {
      const { width, height } = sizes[index];
      throw new Error(`a frame of ${width}x${height} gives another map than the first one`);
    }
  }

  /** Sizes in order, so that the same are kept in the end; then more calls at once than are computed. */
  async #allSizes(detector: TextDetector): Promise<void> {
    for (const index of sizes.keys()) {
      for (let i = 0; i < this.#plan.repetitions; i++) await this.#frame(detector, index);
    }
    const index = sizes.findIndex(
      ({ width, height }) => width === largest.width && height === largest.height,
    );
    await Promise.all(Array.from({ length: burst }, () => this.#frame(detector, index)));
  }

  /** Streams that end by themselves, by `break`, and by a signal. */
  async #stream(detector: TextDetector): Promise<void> {
    for (const end of ['end', 'break', 'signal'] as const) {
      const index = this.#whole(sizes.length);
      const abort = new AbortController();
      const image = this.#pictures[index];
      const frames = (async function* () {
        for (let i = 0; i < 5; i++) yield image;
      })();
      let found = 0;
      try {
        const options = { size: sizes[index], maps: true, inFlight: 2, signal: abort.signal };
        for await (const { maps } of detector.stream(frames, options)) {
          this.#judge(index, maps!);
          if (++found === 3 && end === 'break') break;
          if (found === 3 && end === 'signal') abort.abort();
        }
      } catch (error) {
        if (error !== abort.signal.reason) throw error;
      }
    }
  }

  /** Loses the device at a random moment of a few calls; afterwards results are what they were. */
  async #lose(which: number): Promise<void> {
    const detector = this.#detectors[which];
    const { devices } = this.#gpus[which];
    const lost = devices.at(-1)!;
    let isLost = false;
    // A frame of a new size has some 40 answers, another one 4.
    lost.watched.at(1 + this.#whole(60), () => {
      isLost = true;
      lost.device.destroy();
    });
    while (!isLost) {
      const calls = [0, 1].map(() => this.#frame(detector, this.#whole(sizes.length)));
      for (const end of await Promise.allSettled(calls)) {
        if (end.status === 'fulfilled') continue;
        if (!isLoss(end.reason)) throw end.reason;
        this.#failed++;
      }
    }
    this.#losses++;
    await lost.device.lost;
    await this.#frame(detector, this.#whole(sizes.length));
    assertNothingHeld(lost, 'a loss');
    devices.splice(0, devices.indexOf(lost) + 1);
  }
}

function assertNothingHeld({ watched }: WatchedGpu['devices'][number], after: string): void {
  const held = watched.held();
  if (held.length > 0) throw new Error(`held after ${after}: ${held.join(', ')}`);
}
