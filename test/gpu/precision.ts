/** @file The precisions in which a device can run the kernels, and what rounding costs in each. */

import { compilesF16, type GpuContext } from '../../src/gpu/device.ts';
import { toHalf } from '../../src/kernels/half.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { toFloat32 } from '../../src/safetensors/dtypes.ts';
import { assert } from './assert.ts';
import type { Reference } from './references/reference.ts';

/** f32, and f16 where it compiles. */
export async function precisionsOf(context: GpuContext): Promise<Precision[]> {
  return (await compilesF16(context)) ? ['f32', 'f16'] : ['f32'];
}

/** The values as they can be stored, so that a reference starts from what the kernel reads. */
export function representable(values: Float32Array, precision: Precision): Float32Array<ArrayBuffer> {
  return precision === 'f16' ? fromHalf(toHalf(values)) : Float32Array.from(values);
}

/** Halves as 32-bit floats. */
export function fromHalf(halves: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    toFloat32(new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength), 'F16'),
  );
}

/** Unit roundoff of f32 and f16. */
const unit = { f32: 2 ** -24, f16: 2 ** -11 } as const;

/**
 * What a sum of `terms` products may be off by, relative to the sum of their absolute values. In f32 the classic
 * bound of n u for n roundings in a row, in whatever order the terms come. In f16 each product, the three additions
 * within a vec4, the weights as packed and the stored result are rounded to f16 as well, everything else in f32.
 */
export function sumTolerance(terms: number, precision: Precision): number {
  const sums = (terms + 8) * unit.f32;
  return precision === 'f16' ? sums + 7 * unit.f16 : sums;
}

/** Throws unless every |actual - value| is at most `relative` times the magnitude there. */
export function assertWithin(
  actual: ArrayLike<number>,
  { values, magnitudes }: Reference,
  relative: number,
  what: string,
): void {
  assert(
    actual.length === values.length,
    `${what}: expected ${values.length} values, found ${actual.length}`,
  );
  let worst = 0;
  let index = 0;
  for (let i = 0; i < values.length; i++) {
    const share = Math.abs(actual[i] - values[i]) / Math.max(magnitudes[i], Number.MIN_VALUE);
    // Written so that NaN is worst of all.
    if (!(share <= worst)) [worst, index] = [share, i];
    if (Number.isNaN(share)) break;
  }
  assert(
    worst <= relative,
    `${what}: at index ${index} expected ${values[index]}, found ${actual[index]}: off by ${worst.toExponential(2)} ` +
      `of the magnitude ${magnitudes[index]}, tolerance ${relative.toExponential(2)}`,
  );
}
