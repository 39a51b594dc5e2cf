/** @file Which samples a step takes. Nothing of it is saved: seed and step decide, so a resumed run draws the same. */

import { Random } from '../../src/train/augmentation/random.ts';

/** Draws samples epoch by epoch: each sample once per epoch, in an order of the epoch's own. */
export class SampleOrder {
  readonly #count: number;
  readonly #seed: number;
  #epoch = -1;
  #order: number[] = [];

  /**
   * @param count Number of samples, at least 1.
   * @param seed A whole number from 0.
   */
  constructor(count: number, seed: number) {
    this.#count = count;
    this.#seed = seed;
  }

  /** The sample at a position of the endless sequence of epochs, counted from 0. */
  at(position: number): number {
    const epoch = Math.floor(position / this.#count);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      const samples = Array.from({ length: this.#count }, (_, i) => i);
      this.#order = new Random(this.#seed, epoch).shuffle(samples);
    }
    return this.#order[position % this.#count];
  }

  /**
   * The samples of a step, counted from 0; epochs follow each other without a gap. A sample that does not serve is
   * stood in for by the one after it, and where none of the batch has text, the last by the next one that has.
   *
   * @param serves Whether a sample can be used; its answer must depend on the sample alone.
   * @param hasText Whether there is text in it.
   * @param attempt Counts from 0: how often the batch was tried. From 1 on, the last sample is the next one with text,
   *   then the one after that, and so on.
   * @returns Indices of samples; `undefined` if no sample that serves has text, or no other one.
   */
  async batch(
    step: number,
    size: number,
    serves: (sample: number) => boolean | Promise<boolean>,
    hasText: (sample: number) => boolean,
    attempt = 0,
  ): Promise<number[] | undefined> {
    const chosen: number[] = [];
    for (let i = 0; i < size; i++) {
      const isLast = i === size - 1;
      const wantsText = isLast && (attempt > 0 || !chosen.some(hasText));
      let passed = isLast ? attempt : 0;
      const sample = await this.#from(
        step * size + i,
        async (candidate) =>
          (!wantsText || hasText(candidate)) && (await serves(candidate)) && passed-- === 0,
      );
      if (sample === undefined) return undefined;
      chosen.push(sample);
    }
    return chosen;
  }

  /** The first sample at or after a position that suits; two epochs hold every sample after any position. */
  async #from(position: number, suits: (sample: number) => Promise<boolean>): Promise<number | undefined> {
    for (let next = position; next < position + 2 * this.#count; next++) {
      const sample = this.at(next);
      if (await suits(sample)) return sample;
    }
    return undefined;
  }
}
