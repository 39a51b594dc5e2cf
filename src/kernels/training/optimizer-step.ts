/**
 * @file The optimizers' steps on flat arrays, in place; what the verdict finds not finite leaves everything as it is.
 * Rates stand in the uniform: change them by name with `Program.setShape`.
 */

import { f32Bits, type Kernel } from '../kernel.ts';
import { floats, perItem, vectors } from './elementwise.ts';
import { verdict } from './optimizer-shape.ts';

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
 * PyTorch's SGD (no dampening, no Nesterov): `m = momentum m + (g + weightDecay p)`, `p -= learning_rate m`.
 * Bindings: `gradients`, `verdict`, `parameters`, `momenta`; f32, `count` a multiple of 4.
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
      learning_rate: 0,
      momentum: f32Bits(options.momentum),
      weight_decay: f32Bits(options.weightDecay),
    },
    body: `${unlessNotFinite}
  let parameter = parameters[item];
  let gradient = gradients[item] * verdict[${verdict.scale}] + bitcast<f32>(shape.weight_decay) * parameter;
  let momentum = bitcast<f32>(shape.momentum) * momenta[item] + gradient;
  momenta[item] = momentum;
  parameters[item] = parameter - bitcast<f32>(shape.learning_rate) * momentum;`,
    flops: 28,
  });
}

/**
 * PyTorch's AdamW (Loshchilov and Hutter, 2019): decay apart from the gradient, moments corrected for their start.
 * `correction1` and `correction2` are 1 - beta1^t and 1 - beta2^t of step t.
 * Bindings: `gradients`, `verdict`, `parameters`, `first_moments`, `second_moments`; f32.
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
      learning_rate: 0,
      correction1: f32Bits(1),
      correction2: f32Bits(1),
      beta1: f32Bits(options.beta1),
      beta2: f32Bits(options.beta2),
      // 1 - beta in f32 loses half its digits where beta is close to 1.
      remainder1: f32Bits(1 - options.beta1),
      remainder2: f32Bits(1 - options.beta2),
      epsilon: f32Bits(options.epsilon),
      weight_decay: f32Bits(options.weightDecay),
    },
    body: `${unlessNotFinite}
  let rate = bitcast<f32>(shape.learning_rate);
  let gradient = gradients[item] * verdict[${verdict.scale}];
  let first = bitcast<f32>(shape.beta1) * first_moments[item] + bitcast<f32>(shape.remainder1) * gradient;
  let second = bitcast<f32>(shape.beta2) * second_moments[item] + bitcast<f32>(shape.remainder2) * gradient * gradient;
  first_moments[item] = first;
  second_moments[item] = second;
  let direction = first / bitcast<f32>(shape.correction1) / (sqrt(second / bitcast<f32>(shape.correction2)) + bitcast<f32>(shape.epsilon));
  let parameter = parameters[item];
  parameters[item] = parameter - rate * (bitcast<f32>(shape.weight_decay) * parameter + direction);`,
    flops: 60,
  });
}

/**
 * `average += (1 - decay) (source - average)`, unless the step was not finite: running statistics of batch norm, and
 * the exponential moving average of the weights. `rate` is the name of 1 - decay in the uniform.
 * Bindings: `source`, `verdict`, `average`; f32.
 */
export function movingAverage({
  label,
  count,
  rate,
}: {
  label: string;
  count: number;
  rate: string;
}): Kernel {
  return perItem({
    label,
    items: count / 4,
    typed: [
      vectors('source', count),
      floats('verdict', verdict.words),
      vectors('average', count, 'read_write'),
    ],
    shape: { [rate]: 0 },
    body: `${unlessNotFinite}
  average[item] += bitcast<f32>(shape.${rate}) * (source[item] - average[item]);`,
    flops: 12,
  });
}

/**
 * `output = source`, unless the step was not finite: the weights before an update, so that one that ruined them can be
 * undone when the next step shows it. Bindings: `source`, `verdict`, `output`; f32.
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
