/** @file How the safetensors reader and writer quote names and values in their messages. */

import { DBNetError } from '../errors.ts';

const LONGEST_QUOTE = 100;
const MOST_DIMENSIONS = 12;

/** A name in double quotes, control characters escaped, cut when it is very long. */
export function quote(text: string, longest = LONGEST_QUOTE): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}...` : text;
  return JSON.stringify(shown);
}

/** A shape as `[64, 3, 7, 7]`, cut when it is very long. */
export function showShape(shape: readonly number[]): string {
  const shown = shape.slice(0, MOST_DIMENSIONS).join(', ');
  return shape.length > MOST_DIMENSIONS ? `[${shown}, ... ${shape.length} sides]` : `[${shown}]`;
}

/** `1 byte`, `7 bytes`. */
export function countBytes(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`;
}

/** Throws a `DBNetError` of code `invalid-safetensors`. */
export function failInvalid(message: string): never {
  throw new DBNetError('invalid-safetensors', `Not a valid safetensors file: ${message}`);
}

/** Throws a `DBNetError` of code `invalid-argument`. */
export function failArgument(message: string): never {
  throw new DBNetError('invalid-argument', message);
}
