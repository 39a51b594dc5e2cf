/**
 * @file The element types of the safetensors format, their sizes, and those that are numbers here as 32-bit floats.
 * Source: `safetensors/src/tensor.rs` of huggingface/safetensors (`Dtype`).
 */

/** Bits per element. F4 and F6 elements are packed, so that only whole bytes are valid. */
const BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E5M2FNUZ: 8,
  F8_E4M3FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
} as const;

/** An element type of the format. */
export type Dtype = keyof typeof BITS;

/** The element types that become numbers here. */
export type FloatDtype = 'F64' | 'F32' | 'F16' | 'BF16';

/** True if the format knows the name; the prototype's names (`constructor`, ...) are no dtypes. */
export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(BITS, name);
}

/** True if the element type is converted to 32-bit floats by this package. */
export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Bits of one element. */
export function bitsOf(dtype: Dtype): number {
  return BITS[dtype];
}

/** All names, for messages. */
export function dtypeNames(): string {
  return Object.keys(BITS).join(', ');
}

/**
 * Converts bytes to a new array. F16 and BF16 are exact; F64 is rounded to nearest, ties to even. The host is
 * little-endian, as every host of WebGPU is.
 * @param bytes Little-endian elements, a whole number of them, at any address.
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
