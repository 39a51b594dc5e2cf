/** @file The loss of DBNet by its definition, in f64: sorted, not selected. */

import type { DbLoss } from '../../../src/kernels/train/db-loss.ts';
import { sigmoid } from './reference.ts';

/** Maps of equal length. */
export interface LossTargets {
  probability: ArrayLike<number>;
  probabilityMask: ArrayLike<number>;
  threshold: ArrayLike<number>;
  thresholdMask: ArrayLike<number>;
}

/** -log(sigmoid(x)) of what should be 1, -log(1 - sigmoid(x)) of what should be 0, stable for large logits. */
function crossEntropy(logit: number, positive: boolean): number {
  const x = positive ? -logit : logit;
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** Mean loss of the positives and of the largest negatives, `ratio` for each positive. */
function mined(logits: readonly number[], targets: LossTargets, ratio: number): number {
  const positives: number[] = [];
  const negatives: number[] = [];
  logits.forEach((logit, i) => {
    if (targets.probabilityMask[i] === 0) return;
    const positive = targets.probability[i] === 1;
    (positive ? positives : negatives).push(crossEntropy(logit, positive));
  });
  const kept = Math.min(negatives.length, Math.floor(positives.length * ratio));
  negatives.sort((a, b) => b - a);
  const all = [...positives, ...negatives.slice(0, kept)];
  return all.reduce((sum, loss) => sum + loss, 0) / (all.length + 1e-6);
}

/** The loss and its parts. */
export function dbLoss(
  probabilityLogits: ArrayLike<number>,
  thresholdLogits: ArrayLike<number>,
  targets: LossTargets,
  { weights, binary, negativeRatio, k }: DbLoss,
): { total: number; probability: number; binary: number; threshold: number } {
  const P = Array.from(probabilityLogits, sigmoid);
  const T = Array.from(thresholdLogits, sigmoid);
  const steep = P.map((p, i) => k * (p - T[i]));
  const probability = mined(Array.from(probabilityLogits), targets, negativeRatio);
  let ofBinary: number;
  if (binary === 'bce') ofBinary = mined(steep, targets, negativeRatio);
  else {
    let inside = 0;
    let sum = 1e-6;
    steep.forEach((x, i) => {
      const mask = targets.probabilityMask[i];
      inside += sigmoid(x) * targets.probability[i] * mask;
      sum += sigmoid(x) * mask + targets.probability[i] * mask;
    });
    ofBinary = 1 - (2 * inside) / sum;
  }
  let difference = 0;
  let pixels = 0;
  T.forEach((t, i) => {
    difference += Math.abs(t - targets.threshold[i]) * targets.thresholdMask[i];
    pixels += targets.thresholdMask[i];
  });
  const threshold = pixels === 0 ? 0 : difference / pixels;
  const total = weights.probability * probability + weights.binary * ofBinary + weights.threshold * threshold;
  return { total, probability, binary: ofBinary, threshold };
}
