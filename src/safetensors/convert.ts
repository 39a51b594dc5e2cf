/**
 * @file Stored numbers to 32-bit floats. Little-endian hosts, as every host of WebGPU is; bytes may lie at
 * any address.
 */

import type { FloatDtype } from './dtypes.ts';

/**
 * Converts bytes to a new array. F16 and BF16 are exact; F64 is rounded to nearest, ties to even.
 * @param bytes Little-endian elements, a whole number of them.
 */
export function toFloat32(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  switch (dtype) {
    case 'F32': {
      const out = new Float32Array(bytes.length / 4);
      new Uint8Array(out.buffer).set(bytes);
      return out;
    }
    case 'F64': {
      const { buffer, byteOffset, length } = align(bytes, 8);
      return new Float32Array(new Float64Array(buffer, byteOffset, length / 8));
    }
    case 'F16': {
      const halves = halfWords(bytes);
      const table = halfTable();
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) words[i] = table[halves[i]];
      return new Float32Array(words.buffer);
    }
    case 'BF16': {
      const halves = halfWords(bytes);
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
      return new Float32Array(words.buffer);
    }
  }
}

function halfWords(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset, length } = align(bytes, 2);
  return new Uint16Array(buffer, byteOffset, length / 2);
}

/** The bytes themselves where a typed array can view them, else a copy. */
function align(bytes: Uint8Array, elementBytes: number): Uint8Array {
  return bytes.byteOffset % elementBytes === 0 ? bytes : new Uint8Array(bytes);
}

let halfTableCache: Uint32Array | undefined;

/** The bits of the f32 of each of the 65,536 f16 (IEEE 754 binary16): one load per element. */
function halfTable(): Uint32Array {
  if (halfTableCache) return halfTableCache;
  const values = new Float32Array(1 << 16);
  for (let half = 0; half < 1 << 15; half++) {
    const exponent = half >> 10;
    const fraction = half & 0x3ff;
    let value: number;
    if (exponent === 0) value = fraction * 2 ** -24;
    else if (exponent < 31) value = (1 + fraction / 1024) * 2 ** (exponent - 15);
    else value = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    values[half] = value;
    values[half | 0x8000] = -value;
  }
  halfTableCache = new Uint32Array(values.buffer);
  return halfTableCache;
}
