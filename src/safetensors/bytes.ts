/** @file Bytes that a caller gives, seen as one plain `Uint8Array`. */

import { DBNetError } from '../errors.ts';
import { hasPlainBuffer, kindOf } from '../kind-of.ts';

/**
 * A view, not a copy; but a copy of memory that is shared or can shrink: what was checked must not change.
 * @throws DBNetError `invalid-argument` if the buffer has been transferred away, or for anything else.
 */
export function viewBytes(bytes: ArrayBuffer | Uint8Array): Uint8Array {
  const kind = kindOf(bytes);
  if (kind !== 'ArrayBuffer' && kind !== 'Uint8Array') {
    throw new DBNetError(
      'invalid-argument',
      `Expected bytes as an ArrayBuffer or a Uint8Array, found ${kind}.`,
    );
  }
  try {
    if (!ArrayBuffer.isView(bytes)) return new Uint8Array(bytes);
    if (!hasPlainBuffer(bytes)) return new Uint8Array(bytes);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch {
    throw new DBNetError(
      'invalid-argument',
      'Expected bytes, found a detached buffer: it was transferred (to a worker, say). Pass a copy.',
    );
  }
}
