/**
 * @file What a reference computes: plain loops in f64, written from the definitions and not from the kernels,
 * with what a tolerance is measured by.
 */

/** A tensor in f64. */
export interface Reference {
  values: Float64Array;
  /** For each value the sum of the absolute values of all that was added up to it: rounding errors scale with it. */
  magnitudes: Float64Array;
}

/** A tensor that is given: every value is its own and only summand. */
export function given(values: ArrayLike<number>): Reference {
  const exact = Float64Array.from(values);
  return { values: exact, magnitudes: exact.map(Math.abs) };
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
