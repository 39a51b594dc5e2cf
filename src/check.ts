/**
 * @file Checks of what callers give, in one vocabulary: a `Kind` says in words what a value is to be, and tells whether
 * it is. Every refusal reads "NAME: expected KIND, found VALUE." What a getter or a proxy of the caller's throws is passed
 * on.
 */

import { describe, quote } from './describe.ts';
import { DBNetError, type DBNetErrorCode } from './errors.ts';
import { isTypedArray, kindOf, type TypedArrays } from './kind-of.ts';
import type { Size } from './size.ts';
import type { Web } from './web.ts';

/** What a value may be. */
export interface Kind<T = unknown> {
  /** In words, as they follow "expected". */
  readonly expected: string;
  is(value: unknown): value is T;
}

/** The value, if it is of a kind. @throws DBNetError of the code */
export function check<T>(name: string, value: unknown, kind: Kind<T>, code?: DBNetErrorCode): T {
  if (kind.is(value)) return value;
  throw invalid(name, kind.expected, value, code);
}

/** The error for a value that is something else than expected. */
export function invalid(name: string, expected: string, found: unknown, code?: DBNetErrorCode): DBNetError {
  return mismatch(name, expected, describe(found), code);
}

/** The error for what is better told in words than by its value. */
export function mismatch(
  name: string,
  expected: string,
  found: string,
  code: DBNetErrorCode = 'invalid-argument',
): DBNetError {
  return new DBNetError(code, `${name}: expected ${expected}, found ${found}.`);
}

/** The kind of each member of an object. */
export type Kinds<T> = { readonly [Key in keyof T]-?: Kind<Exclude<T[Key], undefined>> };

/**
 * The options of a call that are given; `undefined` counts as left out.
 * @throws DBNetError `invalid-argument` for what is no object, for an unknown option, and for a wrong one
 */
export function checkOptions<T>(options: unknown, kinds: Kinds<T>): Partial<T> {
  return checkMembers('options', 'Option ', options, kinds);
}

/** `checkOptions` for an object of another name. @throws DBNetError `invalid-argument` */
export function checkRecord<T>(name: string, value: unknown, kinds: Kinds<T>): Partial<T> {
  return checkMembers(name, `${name}.`, value, kinds);
}

/** An object that has to have all of its members, and no others. @throws DBNetError `invalid-argument` */
export function checkComplete<T>(name: string, value: unknown, kinds: Kinds<T>): T {
  const given = checkRecord(name, value, kinds);
  for (const key of Object.keys(kinds) as (keyof T & string)[]) {
    check(`${name}.${key}`, given[key], kinds[key]);
  }
  return given as T;
}

function checkMembers<T>(name: string, prefix: string, value: unknown, kinds: Kinds<T>): Partial<T> {
  const members = check(name, value, record);
  const known = Object.keys(kinds) as (keyof T & string)[];
  const unknown = Object.keys(members).find((key) => !Object.hasOwn(kinds, key));
  if (unknown !== undefined) throw mismatch(name, `none but ${known.join(', ')}`, quote(unknown));
  const given: Partial<T> = {};
  for (const key of known) {
    const member = members[key];
    if (member !== undefined) given[key] = check(prefix + key, member, kinds[key]);
  }
  return given;
}

/** A kind by its words and its test. */
/* @__NO_SIDE_EFFECTS__ */
export function kind<T>(expected: string, is: (value: unknown) => boolean): Kind<T> {
  return { expected, is: is as Kind<T>['is'] };
}

/** A value that is checked elsewhere. */
export const anything = kind<never>('anything', () => true);
export const string = kind<string>('a string', (value) => typeof value === 'string');
export const boolean = kind<boolean>('a boolean', (value) => typeof value === 'boolean');
/** Of whichever parameters. */
export const callback = kind<never>('a function', (value) => typeof value === 'function');
export const object = kind<Record<string, unknown>>(
  'an object',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);
/** Not a promise, a date or bytes, which would count as options of which none is given. */
export const record = kind<Record<string, unknown>>('an object', (value) => kindOf(value) === 'Object');
export const array = kind<readonly unknown[]>('an array', Array.isArray);

/** Told by what it can do, so that signals of other realms are known. */
export const abortSignal: Kind<Web<'AbortSignal'>> = kind(
  'an AbortSignal',
  (value) => can(value, 'throwIfAborted') && can(value, 'addEventListener'),
);

/** Whether an object has a method. */
export function can(value: unknown, method: string): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Record<string, unknown>)[method] === 'function'
  );
}

/** One of some strings or numbers. */
export function oneOf<const T extends readonly (string | number)[]>(...values: T): Kind<T[number]> {
  const names = values.map((value) => (typeof value === 'string' ? `'${value}'` : value));
  return kind([names.slice(0, -1).join(', '), ...names.slice(-1)].join(' or '), (value) =>
    values.includes(value as T[number]),
  );
}

/** One kind or another. */
export function either<A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> {
  return kind(`${a.expected} or ${b.expected}`, (value) => a.is(value) || b.is(value));
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

export const finite = kind<number>('a finite number', Number.isFinite);
/** Infinity is one. */
export const positive = kind<number>('a positive number', (value) => isNumber(value) && value > 0);

export function between(low: number, high: number): Kind<number> {
  return kind(`a number from ${low} to ${high}`, (value) => isNumber(value) && value >= low && value <= high);
}

/** From a number to all below another. */
export function below(low: number, high: number): Kind<number> {
  return kind(
    `a number from ${low} to below ${high}`,
    (value) => isNumber(value) && value >= low && value < high,
  );
}

export function atLeast(low: number): Kind<number> {
  return kind(`a finite number of at least ${low}`, (value) => finite.is(value) && value >= low);
}

export function whole(low: number, high = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
  return kind(
    `a whole number ${range}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high,
  );
}

/** An array of so many values of a kind. */
export function tuple<const T extends readonly unknown[]>(
  expected: string,
  length: T['length'],
  item: Kind<T[number]>,
): Kind<T> {
  return kind(
    expected,
    // A hole counts as undefined.
    (value) =>
      Array.isArray(value) &&
      value.length === length &&
      Array.from(value).every((element) => item.is(element)),
  );
}

/** A typed array of one of some classes. */
export function typedArray<Name extends keyof TypedArrays>(...names: Name[]): Kind<TypedArrays[Name]> {
  const words = names.map((name) => `${name.startsWith('I') ? 'an' : 'a'} ${name}`);
  return kind(words.join(' or '), (value) => isTypedArray(value, ...names));
}

/** Memory that only a function of ours can lay out: `mark` it when it is made. */
export function scratchKind<T extends object>(maker: string): Kind<T> & { mark(scratch: T): T } {
  const made = new WeakSet<object>();
  return {
    ...kind<T>(`what ${maker}() returns`, (value) => made.has(value as object)),
    mark(scratch) {
      made.add(scratch);
      return scratch;
    },
  };
}

/** A width and a height, whatever else the object holds. @throws DBNetError `invalid-argument` */
export function checkSize(name: string, size: unknown): Size {
  const { width, height } = check(name, size, object);
  return {
    width: check(`${name}.width`, width, side),
    height: check(`${name}.height`, height, side),
  };
}

const side = whole(1);
