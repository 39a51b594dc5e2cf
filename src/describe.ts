/** @file How values stand in error messages. */

const LONGEST_TEXT = 40;
const LONGEST_QUOTE = 100;

/** A value for an error message: short, and with its type where that is what is wrong. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, LONGEST_TEXT))}`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`;
  try {
    if (Array.isArray(value)) return 'an array';
    const name: unknown = value.constructor?.name;
    return typeof name !== 'string' || name === 'Object' ? 'an object' : `an object of class ${name}`;
  } catch {
    // A proxy, or a getter, that throws.
    return 'an object';
  }
}

/**
 * What was thrown, in its own words. Read by its shape: errors can be of another realm, as those of the system are in
 * test runners.
 */
export function messageOf(thrown: unknown): string {
  const isError = typeof thrown === 'object' && thrown !== null && 'message' in thrown;
  return String(isError ? thrown.message : thrown);
}

/** A name in double quotes, control characters escaped, cut when it is very long. */
export function quote(text: string, longest = LONGEST_QUOTE): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}...` : text;
  return JSON.stringify(shown);
}

/** `1 byte`, `7 bytes`. */
export function countBytes(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`;
}
