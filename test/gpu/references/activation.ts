/** @file Activations by their definitions, in f64. */

import type { Activation } from '../../../src/kernels/activation.ts';
import type { Affine } from '../../../src/kernels/conv2d-epilogue.ts';
import type { Reference } from './reference.ts';

/** The error function by its series, all of whose terms are positive in this form. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  let term = z;
  let sum = 0;
  for (let n = 0; term > sum * 1e-18; n++) {
    sum += term;
    term *= (2 * z * z) / (2 * n + 3);
  }
  return (Math.sign(x) * 2 * Math.exp(-z * z) * sum) / Math.sqrt(Math.PI);
}

export const activationOf: Record<Activation, (x: number) => number> = {
  none: (x) => x,
  relu: (x) => Math.max(x, 0),
  hardswish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
};

/** The activation of every value and what follows it, in place. The errors made before it stay: no slope is above 1.5. */
export function activate(
  { values, magnitudes }: Reference,
  activation: Activation,
  affine?: Affine,
): Reference {
  const slope = activation === 'hardswish' || activation === 'gelu' ? 1.5 : 1;
  for (let i = 0; i < values.length; i++) {
    values[i] = activationOf[activation](values[i]);
    magnitudes[i] *= slope;
    if (!affine) continue;
    values[i] = affine.scale * values[i] + affine.shift;
    magnitudes[i] = Math.abs(affine.scale) * magnitudes[i] + Math.abs(affine.shift);
  }
  return { values, magnitudes };
}
