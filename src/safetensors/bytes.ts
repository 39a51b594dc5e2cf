/** @file Bytes that a caller gives, seen as one plain `Uint8Array`. */

import { tagOf } from '../describe.ts';
import { DBNetError } from '../errors.ts';

/**
 * A view, not a copy.
 * @throws DBNetError `invalid-argument` if the buffer has been transferred away, or for anything else.
 */
export function viewBytes(bytes: ArrayBuffer | Uint8Array): Uint8Array {
  const kind = tagOf(bytes);
  if (kind !== 'ArrayBuffer' && kind !== 'Uint8Array') {
    throw new DBNetError(
      'invalid-argument',
      `Expected bytes as an ArrayBuffer or a Uint8Array, found ${kind}.`,
    );
  }
  try {
    return ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
  } catch {
    throw new DBNetError(
      'invalid-argument',
      'Expected bytes, found a detached buffer: it was transferred (to a worker, say). Pass a copy.',
    );
  }
}
