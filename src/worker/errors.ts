/** @file Errors on their way from one realm to another. */

import { messageOf } from '../describe.ts';
import { DBNetError, type DBNetErrorCode } from '../errors.ts';
import { kindOf } from '../kind-of.ts';

/** Structured clones of errors keep no code, and only the language's own classes; those of DOM exceptions not everywhere. */
export type CrossingError =
  | { code: DBNetErrorCode; message: string; cause?: CrossingError }
  | { name: string; message: string }
  | { thrown: unknown };

export function packError(error: unknown): CrossingError {
  if (error instanceof DBNetError) {
    const { code, message, cause } = error;
    return { code, message, ...(cause === undefined ? {} : { cause: packError(cause) }) };
  }
  if (kindOf(error) === 'DOMException') {
    const { name, message } = error as DOMException;
    return { name, message };
  }
  try {
    return { thrown: structuredClone(error) };
  } catch {
    return { thrown: new Error(messageOf(error)) };
  }
}

export function unpackError(packed: CrossingError): unknown {
  if ('thrown' in packed) return packed.thrown;
  if ('name' in packed) return new DOMException(packed.message, packed.name);
  const { code, message, cause } = packed;
  return new DBNetError(code, message, cause && { cause: unpackError(cause) });
}
