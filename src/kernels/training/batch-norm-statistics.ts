/**
 * @file Mean and variance of a batch per channel, in two kernels. Each slice takes its mean first and then its sum of
 * squared deviations, so that nothing cancels; slices are joined by the formula of Chan, Golub and LeVeque (1979).
 */

import type { Kernel } from '../kernel.ts';
import { type BatchNormShape, pixelSlices, slicePixels } from './batch-norm-shape.ts';
import { perItem, vectors } from './elementwise.ts';

/** `output[slice] = (mean, sum of squared deviations)`, each `[channels]`. Bindings: `source`, `output`; f32. */
export function batchNormStatistics({ label, pixels, channels }: BatchNormShape): Kernel {
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
 */
export function batchNormCombine({ label, pixels, channels }: BatchNormShape): Kernel {
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
