/** @file Bytes that are given to another thread. */

import { hasPlainBuffer } from '../kind-of.ts';

/** Whether nothing else is in their buffer. */
export const canBeGiven = (bytes: ArrayBufferView): boolean =>
  hasPlainBuffer(bytes) && bytes.byteLength === bytes.buffer.byteLength;
