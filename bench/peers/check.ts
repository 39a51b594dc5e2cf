/** @file Whether a contender computes the same as ours. A wrong one is not timed. */

import { maxDifference } from '../../test/gpu/assert.ts';

/**
 * Compares a map with the reference.
 * @returns the greatest absolute difference.
 * @throws Error that says how it is wrong, beyond `tolerance`.
 */
export function checkMap(found: Float32Array, expected: Float32Array, tolerance: number): number {
  const { difference, index } = maxDifference(found, expected);
  if (difference <= tolerance) return difference;
  throw new Error(
    `wrong P: ${found[index]} at index ${index}, ours ${expected[index]}: off by ${difference.toPrecision(3)}, allowed ${tolerance}`,
  );
}

/** The least range of P that shows that something was computed: equal constants would agree as well. */
const leastRange = 0.1;

/** Refuses a reference that proves nothing. @throws Error if it is all but constant, or not finite. */
export function checkReference(map: Float32Array): void {
  let low = Infinity;
  let high = -Infinity;
  for (const value of map) {
    if (!Number.isFinite(value)) throw new Error(`our P holds ${value}`);
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (high - low >= leastRange) return;
  throw new Error(
    `our P is all but constant (${low} to ${high}): choose an image with text, or a larger size`,
  );
}
