/** @file The functions that end an epilogue. */

import { wgsl } from './wgsl.ts';

export type Activation = 'none' | 'relu' | 'hardswish' | 'gelu';

/**
 * `gelu(x)` = x Phi(x), Phi being the normal distribution, from the complementary error function of Abramowitz and
 * Stegun, 7.1.26: off by 7.5e-8 |x| at most, less than the last bit of an f32 that Phi rounds to.
 */
const gelu = (type: string) => wgsl`
fn gelu(x: ${type}) -> ${type} {
  let z = abs(x) * 0.70710678;
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  // Half of erfc(z), so that nothing cancels where x is far below 0.
  let tail = 0.5 * series * exp(-z * z);
  return x * select(1.0 - tail, tail, x < ${type}());
}
`;

/** WGSL: what is declared, and the statement that changes `value` of a type: f32 or a vector of them. */
interface ActivationCode {
  declarations?(type: string): string;
  statement(type: string): string;
}

export const activations: Record<Activation, ActivationCode> = {
  none: { statement: () => '' },
  relu: { statement: (type) => `value = max(value, ${type}());` },
  // x relu6(x + 3) / 6 (Howard et al., "Searching for MobileNetV3", 5.2).
  hardswish: {
    statement: (type) => `value *= clamp(value / 6.0 + 0.5, ${type}(), ${type}(1.0));`,
  },
  gelu: { declarations: gelu, statement: () => 'value = gelu(value);' },
};
