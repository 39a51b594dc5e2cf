/** @file How values stand in error messages. */

import { DBNetError } from './errors.ts';

/** A value for an error message: short, and with its type where that is what is wrong. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`;
  const name = value?.constructor?.name ?? 'Object';
  return name === 'Object' ? 'an object' : `an object of class ${name}`;
}

/** An `invalid-argument` error for an option. */
export const invalid = (name: string, expected: string, found: unknown): DBNetError =>
  new DBNetError('invalid-argument', `Option ${name}: expected ${expected}, found ${describe(found)}.`);
