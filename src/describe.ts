/** @file How values stand in error messages. */

import { DBNetError } from './errors.ts';

/** A value in a few characters. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}...` : value}'`;
  if (typeof value === 'object' && value !== null) {
    const text = Array.isArray(value) ? JSON.stringify(value) : (value.constructor?.name ?? 'an object');
    return text.length > 60 ? `${text.slice(0, 60)}...` : text;
  }
  return typeof value === 'function' ? 'a function' : String(value);
}

/** An `invalid-argument` error for an option. */
export const invalid = (name: string, expected: string, found: unknown): DBNetError =>
  new DBNetError('invalid-argument', `option ${name}: expected ${expected}, found ${describe(found)}`);
