/** @file Batch norm of training: normalise, scale, shift, add the shortcut, rectify. */

import type { Kernel } from '../kernel.ts';
import { type BatchNormMode, type BatchNormShape, normalization } from './batch-norm-shape.ts';
import { perItem, vectors } from './elementwise.ts';

export interface BatchNormForward extends BatchNormShape {
  mode: BatchNormMode;
  relu: boolean;
  /** A tensor of the same shape is added before the ReLU. */
  residual: boolean;
}

/**
 * `output = relu((source - mean) / sqrt(variance + eps) * weight + bias + residual)`.
 * Bindings: `source`, `statistics` (mean, unbiased variance), `affine` (weight, bias), `residual` if any, `output`; f32.
 */
export function batchNormForward(norm: BatchNormForward): Kernel {
  const { label, pixels, channels, mode, relu, residual } = norm;
  const count = pixels * channels;
  return perItem({
    label,
    items: count / 4,
    typed: [
      vectors('source', count),
      vectors('statistics', 2 * channels),
      vectors('affine', 2 * channels),
      ...(residual ? [vectors('residual', count)] : []),
      vectors('output', count, 'read_write'),
    ],
    shape: { pixels, vectors: channels / 4 },
    body: `let vector = item % shape.vectors;
  ${normalization(mode)}
  var value = (source[item] - mean) * inverse * affine[vector] + affine[shape.vectors + vector];
  ${residual ? 'value += residual[item];' : ''}
  output[item] = ${relu ? 'max(value, vec4<f32>())' : 'value'};`,
    flops: 32,
  });
}
