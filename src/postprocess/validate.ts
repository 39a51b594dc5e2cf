/** @file Checks of what post-processing is given. */

import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { isTypedArray } from '../kind-of.ts';
import type { ProbabilityMap } from './types.ts';

/** The error for an argument: what was expected of it and what was found. */
export function invalid(expectation: string, found: string): DBNetError {
  return new DBNetError('invalid-argument', `${expectation}, found ${found}.`);
}

/** @throws DBNetError `invalid-argument` */
export function checkObject(name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return;
  throw invalid(`${name}: expected an object`, describe(value));
}

/** @throws DBNetError `invalid-argument` */
export function checkSide(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return;
  throw invalid(`${name}: expected a whole number of at least 1`, describe(value));
}

/** @throws DBNetError `invalid-argument` */
export function checkNotNegative(name: string, value: unknown): void {
  if (Number.isFinite(value) && (value as number) >= 0) return;
  throw invalid(`${name}: expected a finite number of at least 0`, describe(value));
}

/** @throws DBNetError `invalid-argument` */
export function checkLength(name: string, length: number, expected: number, what: string): void {
  if (length === expected) return;
  throw invalid(`${name}: expected ${expected} ${what}`, String(length));
}

/**
 * Sizes, lengths and kinds of a map, and that its values are finite.
 *
 * @throws DBNetError `invalid-argument`
 */
export function checkMap(map: ProbabilityMap): void {
  checkObject('map', map);
  const { data, width, height, mask } = map;
  checkSide('map.width', width);
  checkSide('map.height', height);
  const size = `for ${width} x ${height}`;
  if (!isTypedArray(data, 'Float32Array')) throw invalid('map.data: expected a Float32Array', describe(data));
  checkLength('map.data', data.length, width * height, `values ${size}`);
  if (isTypedArray(mask, 'Uint32Array')) {
    const words = Math.ceil(width / 32) * height;
    checkLength('map.mask', mask.length, words, `words of 32 pixels ${size}`);
  } else if (isTypedArray(mask, 'Uint8Array')) {
    checkLength('map.mask', mask.length, width * height, `bytes ${size}`);
  } else if (mask !== undefined) {
    throw invalid('map.mask: expected a Uint8Array (bytes) or a Uint32Array (packed bits)', describe(mask));
  }
  checkFinite(data, width);
}

/** A map with NaN or infinity comes from a failed computation; an empty list of regions would hide that. */
function checkFinite(data: Float32Array, width: number): void {
  // A sum of finite f32 values cannot overflow an f64, so one look at it is enough.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  if (Number.isFinite(sum)) return;
  const at = data.findIndex((value) => !Number.isFinite(value));
  throw invalid(
    'map.data: expected finite probabilities',
    `${data[at]} at x ${at % width}, y ${Math.floor(at / width)}`,
  );
}

/**
 * `checkFinite` for a map of which only the sums of the rows are known.
 *
 * @param first - index of the first row's sum
 * @throws DBNetError `invalid-argument`
 */
export function checkRowSums(sums: ArrayLike<number>, first: number): void {
  for (let i = first; i < sums.length; i++) {
    if (Number.isFinite(sums[i])) continue;
    throw invalid('map.data: expected finite probabilities', `${sums[i]} as the sum of row ${i - first}`);
  }
}
