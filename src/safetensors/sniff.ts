/** @file Telling a safetensors file by its first bytes. */

/** The header's length in 8 bytes, of which 4 are used, and its brace. */
export const isSafetensors = (bytes: Uint8Array): boolean =>
  bytes.subarray(4, 8).every((byte) => byte === 0) && bytes[8] === 0x7b;
