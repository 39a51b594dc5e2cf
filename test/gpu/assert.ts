/** @file Assertions and numbers for GPU tests, free of any test framework. */

import type { Maps } from '../../src/detect/types.ts';
import { DBNetError, type DBNetErrorCode } from '../../src/errors.ts';

/** Throws with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Throws unless both print as the same JSON. */
export function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  assert(found === wanted, `${what}: expected ${wanted}, found ${found}`);
}

/** Maps of weights with both heads. */
export function assertAllMaps(maps: Maps): asserts maps is Extract<Maps, { T: Float32Array }> {
  assert(maps.T && maps.B, `expected P, T and B, found ${Object.keys(maps)}`);
}

/** The largest |actual - expected| and where it is. A NaN on one side only counts as infinite. */
export function maxDifference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { difference: number; index: number } {
  assert(actual.length === expected.length, `expected ${expected.length} values, found ${actual.length}`);
  let difference = 0;
  let index = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    let d = Math.abs(actual[i] - expected[i]);
    if (Number.isNaN(d)) d = Number.POSITIVE_INFINITY;
    if (d > difference) [difference, index] = [d, i];
  }
  return { difference, index };
}

/** Throws unless every |actual - expected| is at most `tolerance`. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  const { difference, index } = maxDifference(actual, expected);
  assert(
    difference <= tolerance,
    `${what}: |difference| ${difference} at index ${index} (expected ${expected[index]}, found ${actual[index]}), tolerance ${tolerance}`,
  );
}

/** Throws unless `action` throws or rejects with a {@link DBNetError} of this code; returns the error. */
export async function assertRejects(
  action: () => unknown,
  code: DBNetErrorCode,
  what: string,
): Promise<DBNetError> {
  let thrown: unknown;
  try {
    await action();
  } catch (error) {
    thrown = error;
  }
  assert(thrown !== undefined, `${what}: expected a DBNetError '${code}', nothing was thrown`);
  assert(thrown instanceof DBNetError, `${what}: expected a DBNetError '${code}', found ${thrown}`);
  assert(thrown.code === code, `${what}: expected '${code}', found '${thrown.code}': ${thrown.message}`);
  return thrown;
}

/** A seeded generator of uniform numbers in [0, 1): mulberry32, public domain, by Tommy Ettinger. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Seeded uniform values in [low, high). */
export function randomFloats(length: number, seed: number, low = -1, high = 1): Float32Array<ArrayBuffer> {
  const next = random(seed);
  return Float32Array.from({ length }, () => low + (high - low) * next());
}

/** Flags of `GPUBufferUsage`, which Node lacks as a global: a library that relies on it must fail in Node. */
export const USAGE = { MAP_READ: 0x1, COPY_SRC: 0x4, COPY_DST: 0x8, UNIFORM: 0x40, STORAGE: 0x80 } as const;
const MAP_MODE_READ = 0x1;

/** A quiet NaN with an uncommon payload: an output that still holds it was never written. */
export const POISON = 0x7fc0dead;

/** Fills a buffer (usage COPY_DST, size a multiple of 4) with {@link POISON}. */
export function poison(device: GPUDevice, buffer: GPUBuffer): void {
  device.queue.writeBuffer(buffer, 0, new Uint32Array(buffer.size / 4).fill(POISON));
}

/** Throws if a word of the bytes is still {@link POISON}. */
export function assertWritten(bytes: ArrayBuffer, what: string): void {
  const index = new Uint32Array(bytes).indexOf(POISON);
  assert(index < 0, `${what}: word ${index} was not written`);
}

/** The bytes of a buffer (usage COPY_SRC, size a multiple of 4), through a buffer of its own. */
export async function readBuffer(device: GPUDevice, buffer: GPUBuffer): Promise<ArrayBuffer> {
  const staging = device.createBuffer({
    size: buffer.size,
    usage: USAGE.COPY_DST | USAGE.MAP_READ,
  });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_MODE_READ);
  const bytes = staging.getMappedRange().slice(0);
  staging.destroy();
  return bytes;
}
