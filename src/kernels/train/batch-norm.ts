/**
 * @file Batch norm in training. A tensor is `[pixels, channels]`, the pixels of all images together.
 * `batchNormStatistics` and `batchNormCombine` give mean and variance: each slice takes its mean first and then its sum
 * of squared deviations, so that nothing cancels; slices are joined by the formula of Chan, Golub and LeVeque (1979).
 * `batchNormForward` normalises, scales, shifts, adds the shortcut and rectifies.
 * `batchNormSums` (in slices) and `batchNormBackward` give the gradients, with the ReLU behind. With
 * n = (x - mean) / sqrt(variance + eps) and g the gradient where the ReLU let through: d weight = sum(g n),
 * d bias = sum(g), and where mean and variance are the batch's own
 * d x = weight / sqrt(variance + eps) (g - sum(g) / M - n sum(g n) / M), else without the sums.
 */

import type { Kernel } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import { perItem, vectors } from './elementwise.ts';
import { pixelSlices, slicePixels } from './slices.ts';

export interface BatchNormShape {
  label: string;
  /** Pixels of all images together. */
  pixels: number;
  /** A multiple of 4. */
  channels: number;
  /** What is added to variances. */
  epsilon: number;
}

/**
 * Where mean and variance come from. `batch`: from the batch itself (the paper; PyTorch's training mode), so that the
 * gradient flows through them as well. `frozen`: the running ones (PyTorch's evaluation mode), constants.
 */
export type BatchNormMode = 'batch' | 'frozen';

/**
 * WGSL: `mean`, and `inverse` = 1 / sqrt(variance + epsilon), of the vector of channels `vector`. The statistics hold
 * the means, then the unbiased variances; the batch itself is normalised by the biased one.
 */
const normalization = ({
  mode,
  epsilon,
}: BatchNormShape & { mode: BatchNormMode }): string => wgsl`let mean = statistics[vector];
  #if ${mode === 'batch'}
  let variance = statistics[shape.vectors + vector] * (f32(shape.pixels - 1u) / f32(shape.pixels));
  #else
  let variance = statistics[shape.vectors + vector];
  #endif
  let inverse = 1.0 / sqrt(variance + ${epsilon});`;

/**
 * `output[slice] = (mean, sum of squared deviations)`, each `[channels]`. Bindings: `source`, `output`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = batchNormStatistics({ label: 'statistics', pixels: 160 * 160, channels: 64 });
 */
export function batchNormStatistics({ label, pixels, channels }: Omit<BatchNormShape, 'epsilon'>): Kernel {
  const slices = pixelSlices(pixels);
  return perItem({
    label,
    items: slices * (channels / 4),
    typed: [vectors('source', pixels * channels), vectors('output', slices * 2 * channels, 'read_write')],
    shape: { pixels, vectors: channels / 4, slices },
    body: `let vector = item % shape.vectors;
  let slice = item / shape.vectors;
  ${slicePixels}
  var sum = vec4<f32>();
  for (var pixel = begin; pixel < end; pixel++) { sum += source[pixel * shape.vectors + vector]; }
  let mean = sum / f32(end - begin);
  var squares = vec4<f32>();
  for (var pixel = begin; pixel < end; pixel++) {
    let deviation = source[pixel * shape.vectors + vector] - mean;
    squares += deviation * deviation;
  }
  output[slice * 2u * shape.vectors + vector] = mean;
  output[(slice * 2u + 1u) * shape.vectors + vector] = squares;`,
    flops: (16 * pixels) / slices,
  });
}

/**
 * `output = (mean, unbiased variance)`, each `[channels]`, from what the slices hold. One pixel has variance 0.
 * Bindings: `source`, `output`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = batchNormCombine({ label: 'statistics', pixels: 160 * 160, channels: 64 });
 */
export function batchNormCombine({ label, pixels, channels }: Omit<BatchNormShape, 'epsilon'>): Kernel {
  const slices = pixelSlices(pixels);
  return perItem({
    label,
    items: channels / 4,
    typed: [vectors('source', slices * 2 * channels), vectors('output', 2 * channels, 'read_write')],
    shape: { pixels, vectors: channels / 4, slices },
    body: `let vector = item;
  var count = 0.0;
  var mean = vec4<f32>();
  var squares = vec4<f32>();
  for (var slice = 0u; slice < shape.slices; slice++) {
    ${slicePixels}
    let added = f32(end - begin);
    let total = count + added;
    let delta = source[slice * 2u * shape.vectors + vector] - mean;
    mean += delta * (added / total);
    squares += source[(slice * 2u + 1u) * shape.vectors + vector] + delta * delta * (count * added / total);
    count = total;
  }
  output[vector] = mean;
  output[shape.vectors + vector] = squares / max(count - 1.0, 1.0);`,
    flops: 40 * slices,
  });
}

export interface BatchNormForward extends BatchNormShape {
  mode: BatchNormMode;
  relu: boolean;
  /** A tensor of the same shape is added before the ReLU. */
  residual: boolean;
}

/**
 * `output = relu((source - mean) / sqrt(variance + eps) * weight + bias + residual)`.
 * Bindings: `source`, `statistics` (mean, unbiased variance), `affine` (weight, bias), `residual` if any, `output`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = batchNormForward({ label: 'norm', pixels: 160 * 160, channels: 64, epsilon: 1e-5, mode: 'batch', relu: true, residual: false });
 */
export function batchNormForward(norm: BatchNormForward): Kernel {
  const { label, pixels, channels, relu, residual } = norm;
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
    body: wgsl`let vector = item % shape.vectors;
  ${normalization(norm)}
  var value = (source[item] - mean) * inverse * affine[vector] + affine[shape.vectors + vector];
  #if ${residual}
  value += residual[item];
  #endif
  #if ${relu}
  value = max(value, vec4<f32>());
  #endif
  output[item] = value;`,
    flops: 32,
  });
}

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
 *
 * @example
 * const { code, bindings, dispatch } = batchNormSums({ label: 'norm', pixels: 160 * 160, channels: 64, epsilon: 1e-5, mode: 'batch', relu: true });
 */
export function batchNormSums(norm: BatchNormBackward): Kernel {
  const { label, pixels, channels, relu } = norm;
  const slices = pixelSlices(pixels);
  return perItem({
    label,
    items: slices * (channels / 4),
    typed: [...read(norm), vectors('output', slices * 2 * channels, 'read_write')],
    shape: { pixels, vectors: channels / 4, slices },
    body: `let vector = item % shape.vectors;
  let slice = item / shape.vectors;
  ${slicePixels}
  ${normalization(norm)}
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
 *
 * @example
 * const { code, bindings, dispatch } = batchNormBackward({ label: 'norm', pixels: 160 * 160, channels: 64, epsilon: 1e-5, mode: 'batch', relu: true });
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
    body: wgsl`let at = item;
  let vector = item % shape.vectors;
  ${normalization(norm)}
  ${incoming(relu)}
  #if ${batch}
  let normalised = (source[at] - mean) * inverse;
  let centred = incoming - (sums[shape.vectors + vector] + normalised * sums[vector]) / f32(shape.pixels);
  output[item] = affine[vector] * inverse * centred;
  #else
  output[item] = affine[vector] * inverse * incoming;
  #endif`,
    flops: 44,
  });
}

/**
 * `output = rectified > 0 ? gradient : 0`: the ReLU's gradient alone, where a shortcut needs it too. f32.
 *
 * @example
 * const { code, bindings, dispatch } = reluBackward({ label: 'values', count: 4096 });
 */
export function reluBackward({ label, count }: { label: string; count: number }): Kernel {
  return perItem({
    label,
    items: count / 4,
    typed: [vectors('gradient', count), vectors('rectified', count), vectors('output', count, 'read_write')],
    body: 'output[item] = select(vec4<f32>(), gradient[item], rectified[item] > vec4<f32>());',
    flops: 4,
  });
}
