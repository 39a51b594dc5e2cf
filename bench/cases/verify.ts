/** @file Is what a kernel wrote right? Every element must have been written, a sample of them is compared. */

import type { BitsReference, NumbersReference, Reference } from './case.ts';
import { fromHalf, seededRandom } from './numbers.ts';

/** Elements of each output that are compared: enough for every edge, tap and tile to be among them. */
const sampleSize = 400;

export interface Verdict {
  /** Largest error found, as a part of the reference's scale. */
  error: number;
  /** What is wrong, if anything. */
  problem: string | undefined;
}

/** Judges the bytes of each output, which were poisoned (NaN, all bits set) before the kernel ran. */
export function verify({ outputs, tolerance }: Reference, bytesOf: (output: string) => ArrayBuffer): Verdict {
  let worst: Verdict = { error: 0, problem: undefined };
  for (const [name, reference] of Object.entries(outputs)) {
    const verdict =
      'bit' in reference
        ? verifyBits(name, reference, bytesOf(name))
        : verifyNumbers(name, reference, tolerance, bytesOf(name));
    if (verdict.error > worst.error) worst = verdict;
  }
  return worst;
}

function verifyNumbers(
  name: string,
  { count, precision, at }: NumbersReference,
  tolerance: number,
  bytes: ArrayBuffer,
): Verdict {
  const values =
    precision === 'f16' ? fromHalf(new Uint16Array(bytes, 0, count)) : new Float32Array(bytes, 0, count);
  const unwritten = countNaN(values);
  if (unwritten.count > 0) {
    const what = `${unwritten.count} of ${count} elements of '${name}' were not written or are NaN`;
    return { error: Number.POSITIVE_INFINITY, problem: `${what}, the first at ${unwritten.first}` };
  }
  let worst: Verdict = { error: 0, problem: undefined };
  for (const index of sampleIndices(count)) {
    const { value, scale } = at(index);
    const error = Math.abs(values[index] - value) / Math.max(scale, Number.MIN_VALUE);
    if (error <= worst.error) continue;
    const found = `'${name}'[${index}]: expected ${value.toPrecision(6)}, found ${values[index].toPrecision(6)}`;
    worst = { error, problem: error > tolerance ? found : undefined };
  }
  return worst;
}

function verifyBits(name: string, { words, bit }: BitsReference, bytes: ArrayBuffer): Verdict {
  const found = new Uint32Array(bytes, 0, words);
  for (const index of sampleIndices(words * 32)) {
    const expected = bit(index);
    const value = ((found[index >>> 5] >>> (index & 31)) & 1) === 1;
    if (expected !== undefined && value !== expected) {
      return {
        error: Number.POSITIVE_INFINITY,
        problem: `'${name}' bit ${index}: expected ${expected ? 1 : 0}, found ${value ? 1 : 0}`,
      };
    }
  }
  return { error: 0, problem: undefined };
}

function countNaN(values: Float32Array): { count: number; first: number } {
  let count = 0;
  let first = -1;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) {
      count++;
      if (first < 0) first = i;
    }
  }
  return { count, first };
}

/** The first and the last elements, and random ones between; all of them where there are few. */
export function sampleIndices(count: number): number[] {
  if (count <= sampleSize) return Array.from({ length: count }, (_, i) => i);
  const random = seededRandom(count);
  const ends = 20;
  return [
    ...Array.from({ length: ends }, (_, i) => i),
    ...Array.from({ length: sampleSize - 2 * ends }, () => Math.floor(random() * count)),
    ...Array.from({ length: ends }, (_, i) => count - ends + i),
  ];
}
