/**
 * @file Batch norm at inference: a scale and a shift per channel, which the convolution before it takes up.
 * Identity: norm(W x + b) = (g / s) W x + (g / s) (b - m) + beta, with s = sqrt(variance + eps). In f64.
 */

import type { DerivedParameters, Factors, ParameterSource } from './operation.ts';

/** Epsilon of PyTorch's BatchNorm2d. */
export const batchNormEpsilon = 1e-5;

/** Parameters of a batch norm, as PyTorch names them (`num_batches_tracked` takes no part). */
export const normParts = ['weight', 'bias', 'running_mean', 'running_var'] as const;

/** Whether a parameter is a running mean or variance of a batch norm. */
export const isStatistic = (parameter: string): boolean => parameter.includes('.running_');

/** Names and shapes of a norm's parameters. */
export const normParameters = (prefix: string, channels: number) =>
  normParts.map((part) => [`${prefix}.${part}`, [channels]] as const);

/** Scale and shift per channel that a batch norm comes to. */
export function normScaleShift(
  prefix: string,
  source: ParameterSource,
): { scale: Float64Array; shift: Float64Array } {
  const [gamma, beta, mean, variance] = normParts.map((part) => source(`${prefix}.${part}`));
  const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i] + batchNormEpsilon));
  return { scale, shift: scale.map((s, i) => beta[i] - s * mean[i]) };
}

/** `scale * bias + shift`; a bias that is not there is zero. */
export const foldBias = (prefix: string, source: ParameterSource, bias: string | undefined): Float64Array => {
  const { scale, shift } = normScaleShift(prefix, source);
  const before = bias && source(bias);
  return before ? shift.map((value, i) => before[i] * scale[i] + value) : shift;
};

/** Weights whose first dimension is the output channel, times the scale of each. */
export const scaleOutputs = (weight: string, prefix: string, source: ParameterSource): Factors => ({
  values: () => source(weight),
  scale: () => normScaleShift(prefix, source).scale,
});

/** A convolution of one weight with its batch norm in weight and bias; itself where it has none. */
export function foldIntoWeight<O extends { weight: string; bias?: string; norm?: string }>(
  operation: O,
  source: ParameterSource,
): { operation: O; derived: DerivedParameters } {
  const { norm, weight, bias } = operation;
  if (!norm) return { operation, derived: {} };
  const folded = { weight: `${weight} * ${norm}`, bias: `${norm}, folded` };
  return {
    operation: { ...operation, norm: undefined, ...folded },
    derived: {
      [folded.weight]: scaleOutputs(weight, norm, source),
      [folded.bias]: () => foldBias(norm, source, bias),
    },
  };
}
