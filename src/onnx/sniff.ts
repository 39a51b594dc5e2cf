/** @file Telling an ONNX file by its first bytes. Small, so that it can be had without the reader. */

import { isSafetensors } from '../safetensors/sniff.ts';

/** Fields of a ModelProto whose tags take one byte, by their wire type. */
const fields = { 0: [1, 5], 2: [2, 3, 4, 6, 7, 8, 14] } as const;

/**
 * Whether one such field stands at the start, whole, and another begins after it: so of a file that was cut off, too. Not
 * true of safetensors, whose length can begin like that.
 */
export function isOnnx(bytes: Uint8Array): boolean {
  if (!isTag(bytes[0]) || isSafetensors(bytes)) return false;
  let value = 0;
  let at = 1;
  // What is longer than 2^35 is no file.
  for (let bits = 0; bits < 35; bits += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** bits;
    if (byte < 0x80) break;
  }
  return isTag(bytes[at + ((bytes[0] & 7) === 2 ? value : 0)]);
}

function isTag(byte = 0): boolean {
  const [number, wire] = [byte >> 3, byte & 7];
  return (wire === 0 || wire === 2) && (fields[wire] as readonly number[]).includes(number);
}
