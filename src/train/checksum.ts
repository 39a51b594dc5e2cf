/**
 * @file A safetensors file that carries its own checksum: a value of its metadata is the SHA-256 of the whole file, as 64
 * hexadecimal digits, taken while these digits are zeros. Nothing of the file can be changed without it, neither numbers
 * nor names, shapes and metadata. It tells damage, not malice: who changes a file can compute it anew.
 */

import { LENGTH_BYTES } from '../safetensors/parse.ts';

/** Metadata key of the checksum. */
export const checksumKey = 'training.sha256';

const DIGITS = 64;
/** What stands before the digits. In the value of another key its quotes would be escaped. */
const KEY = `"${checksumKey}":"`;
const ZERO = '0'.charCodeAt(0);

/**
 * Puts the checksum into a file.
 * @param write Writes the file with these members among its metadata.
 */
export async function withChecksum(
  write: (metadata: Record<string, string>) => Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = write({ [checksumKey]: '0'.repeat(DIGITS) });
  file.set(new TextEncoder().encode(await sha256(file)), findDigits(file));
  return file;
}

/** Whether a file, which has been parsed, is as it was when it got this checksum. */
export async function hasValidChecksum(file: Uint8Array, checksum: string): Promise<boolean> {
  const at = findDigits(file);
  if (at === -1) return false;
  const zeroed = new Uint8Array(file).fill(ZERO, at, at + DIGITS);
  return (await sha256(zeroed)) === checksum;
}

/** Where the digits are, in bytes; -1 where a program that is not this one has written the header anew. */
function findDigits(file: Uint8Array): number {
  const headerEnd = LENGTH_BYTES + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  // One character per byte.
  const header = new TextDecoder('latin1').decode(file.slice(0, headerEnd));
  const at = header.indexOf(KEY);
  return at === -1 ? -1 : at + KEY.length;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
