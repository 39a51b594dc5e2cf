/** @file The squeeze-and-excitation gate by its definition, in f64. */

import type { GateWeights } from '../../../src/kernels/channel-gate.ts';

/** The gates by their definition, from the means. */
export function gatesOf(
  means: Float64Array,
  { reduce, reduceBias, expand, expandBias }: GateWeights,
  slope: number,
): Float64Array {
  const layer = (input: Float64Array, weights: ArrayLike<number>, bias: ArrayLike<number>) =>
    Float64Array.from({ length: bias.length }, (_, out) =>
      input.reduce((sum, value, i) => sum + value * weights[out * input.length + i], bias[out]),
    );
  const hidden = layer(means, reduce, reduceBias).map((value) => Math.max(value, 0));
  return layer(hidden, expand, expandBias).map((value) => Math.min(Math.max(slope * value + 0.5, 0), 1));
}
