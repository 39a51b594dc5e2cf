/**
 * @file Gradient of the loss by the logits of P and T. Through B, with x = P - T, the gradient of its cross-entropy is
 * -k (1 - B) for a positive and k B for a negative (paper, eq. 5): the factor k is what makes binarization train.
 */

import type { Kernel } from '../kernel.ts';
import {
  type DbLossShape,
  lossFunctions,
  minedMaps,
  partCount,
  parts,
  readTargets,
} from './db-loss-shape.ts';
import { floats, perItem } from './elementwise.ts';

/**
 * Bindings: `logits` (of P, of T), `targets`, `keys`, `mining`, `parts`, `output` (by the logits of P, of T); f32.
 */
export function dbLossGradient({ label, pixels, loss }: DbLossShape): Kernel {
  const maps = minedMaps(loss);
  const part = (name: keyof typeof parts) => `parts[${parts[name]}]`;
  return perItem({
    label,
    items: pixels,
    typed: [
      floats('logits', 2 * pixels),
      floats('targets', 4 * pixels),
      { name: 'keys', access: 'read', bytes: maps * pixels * 4, type: 'u32' },
      { name: 'mining', access: 'read', bytes: maps * 16, type: 'vec4<u32>' },
      floats('parts', partCount),
      floats('output', 2 * pixels, 'read_write'),
    ],
    shape: { pixels },
    functions: `${lossFunctions}
// How much of a negative counts: all of it above the weakest key kept, a share where it ties with it.
fn kept(pixel: u32, map: u32) -> f32 {
  let key = keys[map * shape.pixels + pixel];
  let state = mining[map];
  if (key < state.x) { return 0.0; }
  return select(1.0, f32(state.y) / f32(state.z), key == state.x);
}`,
    body: `let i = item;
    ${readTargets}
  let p = sigmoid(logits[i]);
  let t = sigmoid(logits[shape.pixels + i]);
  let b = sigmoid(${loss.k} * (p - t));
  var by_logit = 0.0;
  // By x = P - T.
  var by_difference = 0.0;
  if (positive) { by_logit = ${part('probabilityFactor')} * (p - 1.0); }
  if (negative) { by_logit = ${part('probabilityFactor')} * kept(i, 0u) * p; }
  ${
    maps === 2
      ? `if (positive) { by_difference = ${part('binaryFactor')} * (b - 1.0); }
  if (negative) { by_difference = ${part('binaryFactor')} * kept(i, 1u) * b; }`
      : `if (counts) {
    by_difference = (${part('diceAll')} + select(0.0, ${part('diceInside')}, positive)) * ${loss.k} * b * (1.0 - b);
  }`
  }
  let by_threshold = ${part('thresholdFactor')} * sign(t - threshold) * threshold_mask;
  output[i] = by_logit + by_difference * p * (1.0 - p);
  output[shape.pixels + i] = (by_threshold - by_difference) * t * (1.0 - t);`,
    flops: 60,
  });
}
