/** @file Binarization, and the cross-entropy of it: paper, equations 1 to 5. x is P - T. Pure, in f64. */

/** log(1 + exp(x)), for large x too. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Standard binarization at a fixed threshold, eq. 1: a step. */
export const standard = (x: number): number => (x >= 0 ? 1 : 0);

/** Differentiable binarization, eq. 2. */
export const differentiable = (x: number, k: number): number => 1 / (1 + Math.exp(-k * x));

/** Its derivative by x: k / 4 at x = 0. */
export function slope(x: number, k: number): number {
  const b = differentiable(x, k);
  return k * b * (1 - b);
}

/** l+, what a pixel of text loses, eq. 3. */
export const positiveLoss = (x: number, k: number): number => softplus(-k * x);

/** l-, what a pixel of background loses, eq. 3. */
export const negativeLoss = (x: number, k: number): number => softplus(k * x);

/** Derivative of l+ by x, eq. 4. */
export const positiveGradient = (x: number, k: number): number => -k * differentiable(-x, k);

/** Derivative of l- by x, eq. 5. */
export const negativeGradient = (x: number, k: number): number => k * differentiable(x, k);
