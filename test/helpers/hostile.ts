/** @file What callers hand over by mistake or in anger, and what comes of it. */

import { DBNetError } from '../../src/errors.ts';

/** What no parameter is meant to be, by a name. */
export const hostile: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-1': -1,
  zero: 0,
  '0.5': 0.5,
  '1e300': 1e300,
  '5n': 5n,
  true: true,
  "''": '',
  "'x'": 'x',
  'Symbol()': Symbol('x'),
  '[]': [],
  '[null]': [null],
  '[NaN, NaN]': [Number.NaN, Number.NaN],
  'a hole': Array(3),
  '{}': {},
  'no prototype': Object.create(null),
  '{ x: 1 }': { x: 1 },
  'a function': () => {},
  'a date': new Date(0),
  'a promise': Promise.resolve(),
  'Uint8Array(0)': new Uint8Array(0),
  'Float64Array of NaN': Float64Array.of(Number.NaN, Number.NaN, 1, 1, 2, 2),
  'Float64Array of 1e300': Float64Array.of(0, 0, 1e300, 0, 1e300, 1e300),
  'Float64Array, odd': Float64Array.of(0, 0, 1),
  'a tag that lies': { [Symbol.toStringTag]: 'Float32Array' },
};

/** Whether a call takes what it is given; throws what it throws unless that is a `DBNetError` that says something. */
export async function isAccepted(call: () => unknown): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    const typed = error instanceof DBNetError && error.message !== '' && error.message.length < 600;
    if (!typed) throw error;
    return false;
  }
}

/**
 * Calls with each hostile value in turn, but those that are right, and throws unless each is refused.
 * @param right - words of values that are right for the parameter
 */
export async function refusesHostile(
  name: string,
  call: (value: unknown) => unknown,
  right: readonly string[] = [],
): Promise<void> {
  for (const [word, value] of Object.entries(hostile)) {
    if (right.includes(word)) continue;
    try {
      if (!(await isAccepted(() => call(value)))) continue;
    } catch (cause) {
      throw new Error(`${name} = ${word}: expected a DBNetError, found ${cause}`, { cause });
    }
    throw new Error(`${name} = ${word}: expected a DBNetError, nothing was thrown`);
  }
}
