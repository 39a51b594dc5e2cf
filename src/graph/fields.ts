/** @file What the members of an operation's record may be, where it comes from a file. */

import { type Kind, kind, oneOf, whole } from '../check.ts';
import { type Activation, activations } from '../kernels/activation.ts';
import type { Affine } from '../kernels/conv2d-epilogue.ts';

/** The kind of each member of a record but `op`. */
export type Fields<O> = { readonly [Key in Exclude<keyof O, 'op'>]-?: Kind<O[Key]> };

/** Longest name of a tensor or a parameter. */
const maxName = 200;

/** A name of an operation, a tensor or a parameter. */
export const name = kind<string>(
  `a name of 1 to ${maxName} characters`,
  (value) => typeof value === 'string' && value.length >= 1 && value.length <= maxName,
);

export const activation = oneOf(...(Object.keys(activations) as Activation[]));

/** A number that an f32 holds. */
const finite = kind<number>(
  'a finite number',
  (value) => typeof value === 'number' && Number.isFinite(Math.fround(value)),
);

/** A number of channels. */
export const channelCount = whole(1, 65_536);

export const optional = <T>({ expected, is }: Kind<T>): Kind<T | undefined> =>
  kind(`${expected}, or nothing`, (value) => value === undefined || is(value));

/** A member that only passes set. */
export const nothing = kind<undefined>('nothing', (value) => value === undefined);

export const list = <T>(item: Kind<T>, { from = 0, to = 16 } = {}): Kind<readonly T[]> =>
  kind(
    `${from} to ${to} of: ${item.expected}`,
    (value) =>
      Array.isArray(value) && value.length >= from && value.length <= to && Array.from(value).every(item.is),
  );

export function record<T>(members: { readonly [Key in keyof T]-?: Kind<T[Key]> }): Kind<T> {
  const keys = Object.keys(members) as (keyof T & string)[];
  return kind(
    `{ ${keys.map((key) => `${key}: ${members[key].expected}`).join('; ')} }`,
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      Object.keys(value).every((key) => Object.hasOwn(members, key)) &&
      keys.every((key) => members[key].is((value as T)[key])),
  );
}

/** Zeros around a tensor. */
export interface Padding {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

const sidePadding = whole(0, 15);

export const padding = record<Padding>({
  top: sidePadding,
  left: sidePadding,
  bottom: sidePadding,
  right: sidePadding,
});

/** What follows an activation. */
export const affine = record<Affine>({ scale: finite, shift: finite });
