/**
 * @file Times without timestamp queries: the slope between N and 2N repetitions, each far above what a submit and
 * its fence take by themselves (about 10 ms in Deno), so that this fixed part drops out.
 */

import { encodePass, submitAndWait } from './fence.ts';
import { summarize } from './statistics.ts';
import { maxRepetitions, minFloors, minSampleMs, type Timer, type Work } from './timer.ts';

export class SlopeTimer implements Timer {
  readonly method = 'slope';
  readonly #device: GPUDevice;
  readonly #shortest: number;

  /** @param fenceFloorMs see {@link measureFenceFloor}. */
  constructor(device: GPUDevice, fenceFloorMs: number) {
    this.#device = device;
    this.#shortest = Math.max(minSampleMs, minFloors * fenceFloorMs);
  }

  async calibrate(work: Work): Promise<number> {
    let repetitions = 1;
    while (repetitions < maxRepetitions && (await this.#run(work, repetitions)) < this.#shortest) {
      repetitions *= 2;
    }
    return repetitions;
  }

  async sample(work: Work, repetitions: number): Promise<number | undefined> {
    const once = await this.#run(work, repetitions);
    const twice = await this.#run(work, 2 * repetitions);
    return slope(once, twice, repetitions);
  }

  destroy(): void {}

  #run(work: Work, repetitions: number): Promise<number> {
    return submitAndWait(this.#device, encodePass(this.#device, work, repetitions));
  }
}

/** Time of one repetition from the times of N and of 2N; undefined where the second is not longer. */
export function slope(once: number, twice: number, repetitions: number): number | undefined {
  return twice > once ? (twice - once) / repetitions : undefined;
}

/** What an empty submit and its fence take, milliseconds: the median of ten. */
export async function measureFenceFloor(device: GPUDevice): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 10; i++) times.push(await submitAndWait(device, device.createCommandEncoder()));
  return summarize(times).median;
}
