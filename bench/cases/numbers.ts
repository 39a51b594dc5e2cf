/** @file Repeatable random numbers, and numbers as they are stored in buffers. */

import { toHalf } from '../../src/kernels/half.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { toFloat32 } from '../../src/safetensors/convert.ts';

/** What a buffer is filled with: f32, f16 (as bits), or words. */
export type Stored = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** A generator of uniform numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Uniform values in [-1, 1) that `precision` holds exactly, so that the reference starts from the same numbers. */
export function randomTensor(
  count: number,
  random: () => number,
  precision: Precision,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = 2 * random() - 1;
  return precision === 'f32' ? values : fromHalf(toHalf(values));
}

/** Values as a buffer of `precision` holds them. */
export function stored(values: Float32Array<ArrayBuffer>, precision: Precision): Stored {
  return precision === 'f16' ? toHalf(values) : values;
}

/** The numbers of f16 bits. */
export function fromHalf(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bytes = new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
  return toFloat32(bytes, 'F16') as Float32Array<ArrayBuffer>;
}
