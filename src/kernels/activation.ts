/** @file The functions that end an epilogue. */

import { wgsl } from './wgsl.ts';

export type Activation = 'none' | 'relu' | 'hardswish' | 'gelu';

/**
 * `gelu(x)` = x Phi(x), Phi being the normal distribution, from the complementary error function of Abramowitz and
 * Stegun, 7.1.26: off by 7.5e-8 |x| at most, less than the last bit of an f32 that Phi rounds to.
 */
const gelu = wgsl`
fn gelu(x: vec4<f32>) -> vec4<f32> {
  let z = abs(x) * 0.70710678;
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  // Half of erfc(z), so that nothing cancels where x is far below 0.
  let tail = 0.5 * series * exp(-z * z);
  return x * select(1.0 - tail, tail, x < vec4<f32>());
}
`;

/** WGSL: what is declared, and the statement that changes `value`, a vec4<f32>. */
export const activations: Record<Activation, { declarations: string; statement: string }> = {
  none: { declarations: '', statement: '' },
  relu: { declarations: '', statement: 'value = max(value, vec4<f32>());' },
  // x relu6(x + 3) / 6 (Howard et al., "Searching for MobileNetV3", 5.2).
  hardswish: {
    declarations: '',
    statement: 'value *= clamp(value / 6.0 + 0.5, vec4<f32>(), vec4<f32>(1.0));',
  },
  gelu: { declarations: gelu, statement: 'value = gelu(value);' },
};
