/** @file Comparing gradients: by norm, since single elements may cancel to nothing. */

import { assert } from '../assert.ts';

/** Throws unless the norm of the difference is at most `tolerance` times the norm of what is expected. */
export function assertGradient(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert(actual.length === expected.length, `${what}: expected ${expected.length}, found ${actual.length}`);
  let difference = 0;
  let length = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    length += expected[i] ** 2;
  }
  assert(
    difference <= tolerance ** 2 * length,
    `${what}: the difference has norm ${Math.sqrt(difference)}, ${Math.sqrt(length)} is expected, tolerance ${tolerance}`,
  );
}
