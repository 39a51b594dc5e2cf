/**
 * @file Times by timestamp queries around one pass. The clock's step is found first: Chrome rounds to 65,536 ns
 * unless started with `--enable-webgpu-developer-features`, and a pass must be long against it.
 */

import { encodePass } from './fence.ts';
import { clockStep } from './quantum.ts';
import { maxRepetitions, minQuanta, minSampleMs, type Timer, type Work } from './timer.ts';
import { TimestampReader } from './timestamps.ts';

export class TimestampTimer implements Timer {
  readonly method = 'timestamp';
  /** Step of the clock, nanoseconds. */
  readonly quantumNs: number;
  readonly #device: GPUDevice;
  readonly #reader: TimestampReader;

  private constructor(device: GPUDevice, reader: TimestampReader, quantumNs: number) {
    this.#device = device;
    this.#reader = reader;
    this.quantumNs = quantumNs;
  }

  static async create(device: GPUDevice): Promise<TimestampTimer> {
    const reader = new TimestampReader(device, 2);
    return new TimestampTimer(device, reader, await clockStep(device, reader));
  }

  async calibrate(work: Work): Promise<number> {
    const shortest = Math.max(minSampleMs, (minQuanta * this.quantumNs) / 1e6);
    let repetitions = 1;
    while (repetitions < maxRepetitions && ((await this.#run(work, repetitions)) ?? 0) < shortest) {
      repetitions *= 2;
    }
    return repetitions;
  }

  async sample(work: Work, repetitions: number): Promise<number | undefined> {
    const time = await this.#run(work, repetitions);
    return time === undefined ? undefined : time / repetitions;
  }

  destroy(): void {
    this.#reader.destroy();
  }

  /** Milliseconds of a pass; undefined where its end is not after its start, as drivers sometimes say. */
  async #run(work: Work, repetitions: number): Promise<number | undefined> {
    const encoder = encodePass(this.#device, work, repetitions, this.#reader.writes(0));
    const [start, end] = await this.#reader.read(encoder);
    return end > start ? Number(end - start) / 1e6 : undefined;
  }
}
