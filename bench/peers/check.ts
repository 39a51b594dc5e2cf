/** @file Whether a contender computes the same as ours. A wrong one is not timed. */

import type { Maps } from './page/harness.ts';

/** Greatest absolute difference, per map. */
export type Difference = Record<keyof Maps, number>;

/** Maps as a page sends them. */
export function decodeMaps(maps: Record<keyof Maps, string>): Maps {
  const decode = (text: string) => {
    const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
    return new Float32Array(bytes.buffer);
  };
  return { P: decode(maps.P), T: decode(maps.T), B: decode(maps.B) };
}

/**
 * Compares P, T and B with the reference. Only P and T are held to the tolerance: B = sigmoid(k (P - T)) amplifies their
 * rounding by up to k / 4, and adds none of its own.
 * @throws Error that says which map is wrong, and how.
 */
export function checkMaps(maps: Maps, reference: Maps, tolerance: number): Difference {
  const difference = { P: 0, T: 0, B: 0 };
  for (const name of ['P', 'T', 'B'] as const) {
    const expected = reference[name];
    const found = maps[name];
    if (found.length !== expected.length) {
      throw new Error(`wrong ${name}: expected ${expected.length} numbers, found ${found.length}`);
    }
    for (let i = 0; i < expected.length; i++) {
      const distance = Math.abs(found[i] - expected[i]);
      if (Number.isNaN(distance)) throw new Error(`wrong ${name}: found ${found[i]} at index ${i}`);
      difference[name] = Math.max(difference[name], distance);
    }
    if (name !== 'B' && difference[name] > tolerance) {
      throw new Error(
        `wrong ${name}: differs from ours by up to ${difference[name].toExponential(2)}, allowed ${tolerance}`,
      );
    }
  }
  return difference;
}

/** The least range of P that shows that something was computed: equal constants would agree as well. */
const leastRange = 0.1;

/** Refuses a reference that proves nothing. @throws Error if P is all but constant, or not finite. */
export function checkReference({ P }: Maps): void {
  let low = Infinity;
  let high = -Infinity;
  for (const value of P) {
    if (!Number.isFinite(value)) throw new Error(`our P holds ${value}`);
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!(high - low >= leastRange)) {
    throw new Error(
      `our P is all but constant (${low} to ${high}): choose an image with text, or a larger size`,
    );
  }
}
