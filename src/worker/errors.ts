/** @file Errors on their way from one realm to another. */

import { messageOf } from '../describe.ts';
import { DBNetError, type DBNetErrorCode } from '../errors.ts';

/** Structured clones of errors keep neither code nor class, unless it is one of the language's or the browser's. */
export type CrossingError =
  | { code: DBNetErrorCode; message: string; cause?: CrossingError }
  | { thrown: unknown };

export function packError(error: unknown): CrossingError {
  if (error instanceof DBNetError) {
    const { code, message, cause } = error;
    return { code, message, ...(cause === undefined ? {} : { cause: packError(cause) }) };
  }
  try {
    return { thrown: structuredClone(error) };
  } catch {
    return { thrown: new Error(messageOf(error)) };
  }
}

export function unpackError(packed: CrossingError): unknown {
  if ('thrown' in packed) return packed.thrown;
  const { code, message, cause } = packed;
  return new DBNetError(code, message, cause && { cause: unpackError(cause) });
}
