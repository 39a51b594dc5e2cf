/** @file What is measured: a case is one task with a reference, its variants are kernels that do it. */

import type { Kernel } from '../../src/kernels/kernel.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Stored } from './numbers.ts';

export interface Case {
  /** For people and for `--filter`: `conv 3x3 64>64 80x80 +same relu`. */
  name: string;
  /** `roofline`, `conv`, `pool`, ...; also for `--filter`. */
  group: string;
  /** Size of the network's input in which it occurs, `640x640`; null if it has nothing to do with one. */
  size: string | null;
  precision: Precision;
  /** Layers of the network that are this task. */
  layers: readonly string[];
  /** True where every variant is shown, not only the best and the default. */
  showAll?: boolean;
  /** Makes inputs and kernels; called when the case's turn comes, since all inputs together may be large. */
  prepare(): Prepared;
}

export interface Prepared {
  variants: readonly Variant[];
  reference: Reference;
}

export interface Variant {
  name: string;
  /** What the library takes where nothing was measured. */
  isDefault: boolean;
  /** Of the user's own file. */
  isCustom?: boolean;
  kernel: Kernel;
  /** What each binding that is read holds, by name. Variants that share an array share its buffer. */
  data: Readonly<Record<string, Stored>>;
}

/** What is right: each output's elements, computed one by one in f64. */
export interface Reference {
  outputs: Readonly<Record<string, NumbersReference | BitsReference>>;
  /** Largest error of a number that is allowed, as a part of {@link Expected.scale}. */
  tolerance: number;
}

export interface NumbersReference {
  /** Number of elements. */
  count: number;
  /** How they are stored. */
  precision: Precision;
  at(index: number): Expected;
}

export interface BitsReference {
  /** Number of words of 32 bits. */
  words: number;
  /** Bit `index % 32` of word `index / 32`; undefined where it is too close to call. */
  bit(index: number): boolean | undefined;
}

export interface Expected {
  value: number;
  /** What errors are relative to: for a sum the sum of its terms' magnitudes. */
  scale: number;
}

/**
 * Largest rounding error of a sum of products, as a part of the sum of magnitudes. A tap or channel that is left
 * out of a convolution of this network is at least ten times as far off.
 */
export const sumTolerance: Readonly<Record<Precision, number>> = { f32: 2e-5, f16: 4e-3 };
