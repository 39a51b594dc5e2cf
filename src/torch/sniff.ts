/** @file Telling PyTorch's files by their first bytes. Small, so that it can be had without the readers. */

import { isSafetensors } from '../safetensors/sniff.ts';

/** `PK\x03\x04`, the first entry's header. */
const ZIP = [0x50, 0x4b, 0x03, 0x04];
/** Opcode PROTO, and the protocols that have it. */
const PROTO = 0x80;
const PROTOCOLS = [2, 3, 4, 5];

/**
 * Whether bytes begin as a ZIP archive or as a Python pickle: PyTorch's files do, others may, which `readTorch` refuses by
 * what they are. Not true of safetensors, whose length can begin as a pickle does.
 */
export function isTorch(bytes: Uint8Array): boolean {
  return isZip(bytes) || isPickle(bytes);
}

export function isZip(bytes: Uint8Array): boolean {
  return ZIP.every((byte, i) => bytes[i] === byte);
}

function isPickle(bytes: Uint8Array): boolean {
  return bytes[0] === PROTO && PROTOCOLS.includes(bytes[1]) && !isSafetensors(bytes);
}
