/**
 * @file The element types of the safetensors format and their sizes.
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
