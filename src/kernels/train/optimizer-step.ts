/**
 * @file The optimizers' steps on flat arrays, in place; what the verdict finds not finite leaves everything as it is.
 * What changes from step to step stands in the uniform: see {@link sgdUniforms} and {@link adamWUniforms}.
 */

import { f32, type Kernel, type UniformValues } from '../kernel.ts';
import { floats, perItem, vectors } from './elementwise.ts';
import { verdict } from './gradient-norm.ts';

/** Options of stochastic gradient descent that do not change from step to step. */
export interface Sgd {
  momentum: number;
  weightDecay: number;
}

export interface AdamW {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
}

const unlessNotFinite = `if (verdict[${verdict.finite}] == 0.0) { return; }`;

/**
 * What the shape of {@link sgdStep} says of a step.
 *
 * @example
 * const uniforms = sgdUniforms(0.007);
 */
export const sgdUniforms = (learningRate: number): UniformValues => ({ learning_rate: f32(learningRate) });

/**
 * What the shape of {@link adamWStep} says of step `step`, counted from 0: the corrections are 1 - beta^(step + 1).
 *
 * @example
 * // The third step.
 * const uniforms = adamWUniforms(3e-4, { beta1: 0.9, beta2: 0.999 }, 3);
 */
export const adamWUniforms = (
  learningRate: number,
  { beta1, beta2 }: Pick<AdamW, 'beta1' | 'beta2'>,
  step: number,
): UniformValues => ({
  learning_rate: f32(learningRate),
  correction1: f32(1 - beta1 ** (step + 1)),
  correction2: f32(1 - beta2 ** (step + 1)),
});

/**
 * PyTorch's SGD (no dampening, no Nesterov): `m = momentum m + (g + weightDecay p)`, `p -= learning_rate m`.
 * Bindings: `gradients`, `verdict`, `parameters`, `momenta`; f32, `count` a multiple of 4.
 *
 * @example
 * const { code, bindings, dispatch } = sgdStep({ label: 'step', count: 4096 }, { momentum: 0.9, weightDecay: 1e-4 });
 */
export function sgdStep({ label, count }: { label: string; count: number }, options: Sgd): Kernel {
  return perItem({
    label,
    items: count / 4,
    typed: [
      vectors('gradients', count),
      floats('verdict', verdict.words),
      vectors('parameters', count, 'read_write'),
      vectors('momenta', count, 'read_write'),
    ],
    shape: {
      ...sgdUniforms(0),
      momentum: f32(options.momentum),
      weight_decay: f32(options.weightDecay),
    },
    body: `${unlessNotFinite}
  let parameter = parameters[item];
  let gradient = gradients[item] * verdict[${verdict.scale}] + shape.weight_decay * parameter;
  let momentum = shape.momentum * momenta[item] + gradient;
  momenta[item] = momentum;
  parameters[item] = parameter - shape.learning_rate * momentum;`,
    flops: 28,
  });
}

/**
 * PyTorch's AdamW (Loshchilov and Hutter, 2019): decay apart from the gradient, moments corrected for their start.
 * Bindings: `gradients`, `verdict`, `parameters`, `first_moments`, `second_moments`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = adamWStep({ label: 'step', count: 4096 }, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 });
 */
export function adamWStep({ label, count }: { label: string; count: number }, options: AdamW): Kernel {
  return perItem({
    label,
    items: count / 4,
    typed: [
      vectors('gradients', count),
      floats('verdict', verdict.words),
      vectors('parameters', count, 'read_write'),
      vectors('first_moments', count, 'read_write'),
      vectors('second_moments', count, 'read_write'),
    ],
    shape: {
      ...adamWUniforms(0, options, 0),
      beta1: f32(options.beta1),
      beta2: f32(options.beta2),
      // 1 - beta in f32 loses half its digits where beta is close to 1.
      remainder1: f32(1 - options.beta1),
      remainder2: f32(1 - options.beta2),
      epsilon: f32(options.epsilon),
      weight_decay: f32(options.weightDecay),
    },
    body: `${unlessNotFinite}
  let gradient = gradients[item] * verdict[${verdict.scale}];
  let first = shape.beta1 * first_moments[item] + shape.remainder1 * gradient;
  let second = shape.beta2 * second_moments[item] + shape.remainder2 * gradient * gradient;
  first_moments[item] = first;
  second_moments[item] = second;
  let direction = first / shape.correction1 / (sqrt(second / shape.correction2) + shape.epsilon);
  let parameter = parameters[item];
  parameters[item] = parameter - shape.learning_rate * (shape.weight_decay * parameter + direction);`,
    flops: 60,
  });
}

/**
 * `average += rate (source - average)`, unless the step was not finite: running statistics of batch norm, and the
 * exponential moving average of the weights (rate: 1 - decay).
 * Bindings: `source`, `verdict`, `average`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = movingAverage({ label: 'running mean', count: 64, rate: 0.1 });
 */
export function movingAverage({
  label,
  count,
  rate,
}: {
  label: string;
  count: number;
  rate: number;
}): Kernel {
  return perItem({
    label,
    items: count / 4,
    typed: [
      vectors('source', count),
      floats('verdict', verdict.words),
      vectors('average', count, 'read_write'),
    ],
    shape: { rate: f32(rate) },
    body: `${unlessNotFinite}
  average[item] += shape.rate * (source[item] - average[item]);`,
    flops: 12,
  });
}

/**
 * `output = source`, unless the step was not finite: the weights before an update, so that one that ruined them can be
 * undone when the next step shows it. Bindings: `source`, `verdict`, `output`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = copyIfFinite({ label: 'values', count: 4096 });
 */
export function copyIfFinite({ label, count }: { label: string; count: number }): Kernel {
  return perItem({
    label,
    items: count / 4,
    typed: [
      vectors('source', count),
      floats('verdict', verdict.words),
      vectors('output', count, 'read_write'),
    ],
    body: `${unlessNotFinite}
  output[item] = source[item];`,
    flops: 0,
  });
}
