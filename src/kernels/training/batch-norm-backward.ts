/**
 * @file Gradients of batch norm, with the ReLU behind it. With n = (x - mean) / sqrt(variance + eps) and g the gradient
 * where the ReLU let through: d weight = sum(g n), d bias = sum(g), and where mean and variance are the batch's own
 * d x = weight / sqrt(variance + eps) (g - sum(g) / M - n sum(g n) / M), else without the sums.
 */

import type { Kernel } from '../kernel.ts';
import {
  type BatchNormMode,
  type BatchNormShape,
  normalization,
  pixelSlices,
  slicePixels,
} from './batch-norm-shape.ts';
import { perItem, vectors } from './elementwise.ts';

export interface BatchNormBackward extends BatchNormShape {
  mode: BatchNormMode;
  /** True if the output was rectified: the gradient counts only where it is above zero. */
  relu: boolean;
}

/** WGSL: `incoming`, the gradient at `at` as far as the ReLU lets it through. */
const incoming = (relu: boolean): string =>
  relu
    ? 'let incoming = select(vec4<f32>(), gradient[at], rectified[at] > vec4<f32>());'
    : 'let incoming = gradient[at];';

/** The tensors that both kernels read: the gradient, what was put out (for the ReLU), what came in, mean and variance. */
const read = ({ pixels, channels, relu }: BatchNormBackward) => [
  vectors('gradient', pixels * channels),
  ...(relu ? [vectors('rectified', pixels * channels)] : []),
  vectors('source', pixels * channels),
  vectors('statistics', 2 * channels),
];

/**
 * `output[slice] = (sum of g n, sum of g)`, each `[channels]`: gradients of weight and bias, in slices for `sumSlices`.
 * Bindings: `gradient`, `rectified` if there is a ReLU, `source`, `statistics`, `output`; f32.
 */
export function batchNormSums(norm: BatchNormBackward): Kernel {
  const { label, pixels, channels, mode, relu } = norm;
  const slices = pixelSlices(pixels);
  return perItem({
    label,
    items: slices * (channels / 4),
    typed: [...read(norm), vectors('output', slices * 2 * channels, 'read_write')],
    shape: { pixels, vectors: channels / 4, slices },
    body: `let vector = item % shape.vectors;
  let slice = item / shape.vectors;
  ${slicePixels}
  ${normalization(mode)}
  var weight = vec4<f32>();
  var bias = vec4<f32>();
  for (var pixel = begin; pixel < end; pixel++) {
    let at = pixel * shape.vectors + vector;
    ${incoming(relu)}
    weight += incoming * ((source[at] - mean) * inverse);
    bias += incoming;
  }
  output[slice * 2u * shape.vectors + vector] = weight;
  output[(slice * 2u + 1u) * shape.vectors + vector] = bias;`,
    flops: (24 * pixels) / slices,
  });
}

/**
 * Gradient of what came in. Bindings: `gradient`, `rectified` if there is a ReLU, `source`, `statistics`, `affine`,
 * `sums` (what {@link batchNormSums} comes to; only in mode `batch`), `output`; f32.
 */
export function batchNormBackward(norm: BatchNormBackward): Kernel {
  const { label, pixels, channels, mode, relu } = norm;
  const count = pixels * channels;
  const batch = mode === 'batch';
  const tensors = read(norm).filter(({ name }) => batch || name !== 'source');
  return perItem({
    label,
    items: count / 4,
    typed: [
      ...tensors,
      vectors('affine', 2 * channels),
      ...(batch ? [vectors('sums', 2 * channels)] : []),
      vectors('output', count, 'read_write'),
    ],
    shape: { pixels, vectors: channels / 4 },
    body: `let at = item;
  let vector = item % shape.vectors;
  ${normalization(mode)}
  ${incoming(relu)}
  ${
    batch
      ? `let normalised = (source[at] - mean) * inverse;
  let centred = incoming - (sums[shape.vectors + vector] + normalised * sums[vector]) / f32(shape.pixels);
  output[item] = affine[vector] * inverse * centred;`
      : 'output[item] = affine[vector] * inverse * incoming;'
  }`,
    flops: 44,
  });
}

/** `output = rectified > 0 ? gradient : 0`: the ReLU's gradient alone, where a shortcut needs it too. f32. */
export function reluBackward({ label, count }: { label: string; count: number }): Kernel {
  return perItem({
    label,
    items: count / 4,
    typed: [vectors('gradient', count), vectors('rectified', count), vectors('output', count, 'read_write')],
    body: 'output[item] = select(vec4<f32>(), gradient[item], rectified[item] > vec4<f32>());',
    flops: 4,
  });
}
