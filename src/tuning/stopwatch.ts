/**
 * @file How long a compute pass takes: by timestamp queries where the device has them, else by the wall clock up to
 * the fence, less what an empty submit takes.
 */

import { bufferUsage } from '../runtime/constants.ts';
import type { DeviceMemory } from '../runtime/device-memory.ts';
import type { GpuContext } from '../runtime/gpu-context.ts';
import { type Bound, dispatch } from './tuning-buffers.ts';

const queryResolve = 0x200; // GPUBufferUsage.QUERY_RESOLVE, which Node has no global for
const mapModeRead = 0x1; // GPUMapMode.READ, likewise

/** Two timestamps of 8 bytes; the word that is brought back stands behind them. */
const stampBytes = 16;

/** Chrome rounds timestamps to this many nanoseconds, against timing attacks. */
const chromeQuantum = 65_536n;

/** Milliseconds that a sample must take: with a fine clock, and with Chrome's, against which it must be long. */
const minSample = { fine: 1.5, coarse: 4 } as const;

/** A sample by the wall clock must take this many milliseconds and as many times what an empty submit takes. */
const minWallSample = 5;
const minFloors = 4;

/** Commands of a submit. */
export interface Commands {
  before?: (encoder: GPUCommandEncoder) => void;
  /** What is timed: these, one after the other, so many times. */
  timed: readonly Bound[];
  repetitions?: number;
  after?: (encoder: GPUCommandEncoder) => void;
  /** A buffer of which the first word is brought back. */
  word?: GPUBuffer;
}

/** All that tuning knows of time. */
export interface Stopwatch {
  /** Milliseconds since some moment. */
  now(): number;
  /** Milliseconds that a pass must take for its time to be trusted. */
  readonly minSampleMs: number;
  /** Submits commands and waits for them. `ms` is 0 where the clock saw no time pass. */
  run(commands: Commands): Promise<{ ms: number; word: number }>;
  destroy(): void;
}

/** The device's own clock, or the wall clock. */
export class GpuStopwatch implements Stopwatch {
  readonly #device: GPUDevice;
  readonly #memory: DeviceMemory;
  readonly #queries: GPUQuerySet | undefined;
  readonly #resolved: GPUBuffer | undefined;
  readonly #staging: GPUBuffer;
  /** Milliseconds of an empty submit. */
  #floor = 0;
  #coarse = false;

  private constructor({ device, memory }: GpuContext) {
    this.#device = device;
    this.#memory = memory;
    if (device.features.has('timestamp-query')) {
      this.#queries = memory.createQuerySet({ label: 'tuning', type: 'timestamp', count: 2 });
      this.#resolved = memory.createBuffer({
        label: 'tuning: timestamps',
        size: stampBytes,
        usage: queryResolve | bufferUsage.copyFrom,
      });
    }
    this.#staging = memory.createBuffer({
      label: 'tuning: readback',
      size: stampBytes + 4,
      usage: bufferUsage.mapRead | bufferUsage.copyTo,
    });
  }

  static async open(context: GpuContext): Promise<GpuStopwatch> {
    const stopwatch = new GpuStopwatch(context);
    if (!stopwatch.#queries) {
      const floors: number[] = [];
      for (let i = 0; i < 3; i++) floors.push((await stopwatch.run({ timed: [] })).ms);
      stopwatch.#floor = Math.min(...floors);
    }
    return stopwatch;
  }

  now(): number {
    return performance.now();
  }

  get minSampleMs(): number {
    if (!this.#queries) return Math.max(minWallSample, minFloors * this.#floor);
    return this.#coarse ? minSample.coarse : minSample.fine;
  }

  async run({ before, timed, repetitions, after, word }: Commands): Promise<{ ms: number; word: number }> {
    const encoder = this.#device.createCommandEncoder({ label: 'tuning' });
    before?.(encoder);
    const pass = encoder.beginComputePass({
      label: 'tuning',
      timestampWrites: this.#queries && {
        querySet: this.#queries,
        beginningOfPassWriteIndex: 0,
        endOfPassWriteIndex: 1,
      },
    });
    dispatch(pass, timed, repetitions);
    pass.end();
    after?.(encoder);
    // The mapping below waits for this submit only if it touches the buffer.
    encoder.clearBuffer(this.#staging);
    if (this.#queries && this.#resolved) {
      encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
      encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, stampBytes);
    }
    if (word) encoder.copyBufferToBuffer(word, 0, this.#staging, stampBytes, 4);
    const commands = encoder.finish();
    const start = this.now();
    this.#device.queue.submit([commands]);
    await this.#staging.mapAsync(mapModeRead);
    const wall = this.now() - start;
    const mapped = this.#staging.getMappedRange();
    const [begin, end] = new BigUint64Array(mapped, 0, 2);
    const [brought] = new Uint32Array(mapped, stampBytes, 1);
    this.#staging.unmap();
    return { ms: this.#queries ? this.#elapsed(begin, end) : Math.max(0, wall - this.#floor), word: brought };
  }

  destroy(): void {
    this.#memory.free(this.#queries, this.#resolved, this.#staging);
  }

  #elapsed(begin: bigint, end: bigint): number {
    this.#coarse ||= begin % chromeQuantum === 0n && end % chromeQuantum === 0n;
    // Some drivers let a pass end before it begins.
    return end > begin ? Number(end - begin) / 1e6 : 0;
  }
}
