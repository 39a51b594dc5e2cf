/**
 * @file Random numbers that need no saved state: each use opens its own stream from (seed, step, index), so a resumed
 * run draws what the uninterrupted one would have drawn.
 */

import { array, between, check, finite, mismatch, whole } from '../../check.ts';

const countable = whole(1, 2 ** 32);
const probability = between(0, 1);

/**
 * A generator of random numbers: sfc32 (C. Doty-Humphrey, PractRand), its state filled from the keys through the
 * finalizer of MurmurHash3 (A. Appleby). The same keys give the same numbers on every platform; streams whose keys
 * differ are independent for all practical purposes.
 *
 * @example
 * // The third picture of the seventh step.
 * const random = new Random(1, 7, 3);
 */
export class Random {
  readonly #state = new Uint32Array(4);

  /**
   * @param seed a whole number from 0 to 2^53 - 1
   * @param keys which stream of that seed, such as step and index in the batch; whole numbers in the same range.
   *   `(1)`, `(1, 0)` and `(1, 0, 0)` are different streams.
   * @throws DBNetError `invalid-argument` for keys that are not whole numbers in that range
   */
  constructor(seed: number, ...keys: readonly number[]) {
    let hash = 0x9e3779b9;
    for (const [i, key] of [seed, ...keys].entries()) {
      check(i === 0 ? 'seed' : `keys[${i - 1}]`, key, whole(0));
      // The position goes in as well, so that (1) and (1, 0) differ.
      hash = mix(hash ^ mix((key >>> 0) + Math.imul(i + 1, 0x9e3779b9)));
      hash = mix(hash + Math.floor(key / 2 ** 32));
    }
    for (let i = 0; i < 3; i++) {
      hash = mix(hash + 0x6d2b79f5);
      this.#state[i] = hash;
    }
    this.#state[3] = 1;
    for (let i = 0; i < 12; i++) this.bits();
  }

  /** A whole number from 0 to 2^32 - 1. */
  bits(): number {
    const s = this.#state;
    const result = (s[0] + s[1] + s[3]++) >>> 0;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + result;
    return result;
  }

  /**
   * A number from `low` to below `high`, in 2^32 steps.
   * @throws DBNetError `invalid-argument` for bounds that are not finite numbers
   */
  uniform(low = 0, high = 1): number {
    check('low', low, finite);
    check('high', high, finite);
    return low + (high - low) * (this.bits() / 2 ** 32);
  }

  /**
   * A whole number from 0 to n - 1. The bias of the multiplication is below n / 2^32.
   *
   * @throws DBNetError `invalid-argument` if n is not a whole number from 1 to 2^32
   */
  integer(n: number): number {
    check('n', n, countable);
    return Math.floor(this.uniform(0, n));
  }

  /** True with probability p, 0 to 1; draws one number whatever p is. @throws DBNetError `invalid-argument` */
  chance(p: number): boolean {
    check('p', p, probability);
    return this.uniform() < p;
  }

  /** One of the items. @throws DBNetError `invalid-argument` if there is none */
  pick<T>(items: readonly T[]): T {
    if (check<readonly unknown[]>('items', items, array).length === 0) {
      throw mismatch('items', 'at least one item', 'none');
    }
    return items[this.integer(items.length)];
  }

  /** Normal distribution, mean 0, variance 1 (polar method, G. Marsaglia, T. Bray 1964; the second value is dropped). */
  normal(): number {
    for (;;) {
      const x = this.uniform(-1, 1);
      const y = this.uniform(-1, 1);
      const square = x * x + y * y;
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
    }
  }

  /**
   * Puts the items of a list into random order, in place (Fisher, Yates), and returns it.
   * @throws DBNetError `invalid-argument` for what is no array
   */
  shuffle<T>(items: T[]): T[] {
    check<readonly unknown[]>('items', items, array);
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

/** MurmurHash3's finalizer: every bit of the result depends on every bit of the number. */
function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
