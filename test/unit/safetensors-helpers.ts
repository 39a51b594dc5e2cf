/** @file Safetensors files for tests: any header text, right or wrong, with any data behind it. */

import { expect } from 'vitest';
import { DBNetError, type DBNetErrorCode } from '../../src/errors.ts';

/** Header length, header and data, as they are given; nothing is checked or padded. */
export function makeFile(
  header: string | object | Uint8Array,
  data: ArrayLike<number> | number = 0,
  headerLength?: bigint,
): Uint8Array {
  const text = header instanceof Uint8Array || typeof header === 'string' ? header : JSON.stringify(header);
  const json = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const tail = typeof data === 'number' ? new Uint8Array(data) : Uint8Array.from(data);
  const file = new Uint8Array(8 + json.length + tail.length);
  new DataView(file.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true);
  file.set(json, 8);
  file.set(tail, 8 + json.length);
  return file;
}

/** The error that a call throws, which must be a `DBNetError` of the code given. */
export function errorOf(code: DBNetErrorCode, call: () => unknown): DBNetError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(DBNetError);
    expect((error as DBNetError).code).toBe(code);
    return error as DBNetError;
  }
  throw new Error(`expected a DBNetError (${code}), but nothing was thrown`);
}

/** The error that a promise rejects with, which must be a `DBNetError` of the code given. */
export async function rejectionOf(code: DBNetErrorCode, promise: Promise<unknown>): Promise<DBNetError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (outcome === undefined) throw new Error(`expected a DBNetError (${code}), but the promise resolved`);
  return errorOf(code, () => {
    throw outcome.error;
  });
}

/** Seeded random numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
