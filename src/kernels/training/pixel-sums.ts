/** @file The gradient of a bias: the sum over all pixels, in slices for `sumSlices`. */

import type { Kernel } from '../kernel.ts';
import { pixelSlices, slicePixels } from './batch-norm-shape.ts';
import { floats, perItem } from './elementwise.ts';

/**
 * `output[slice, channel] = sum over the slice's pixels of source[pixel, channel]`; `count` elements in all; f32.
 */
export function pixelSums({ label, count, channels }: { label: string; count: number; channels: number }): {
  kernel: Kernel;
  slices: number;
} {
  const pixels = count / channels;
  const slices = pixelSlices(pixels);
  const kernel = perItem({
    label,
    items: slices * channels,
    typed: [floats('source', count), floats('output', slices * channels, 'read_write')],
    shape: { pixels, channels, slices },
    body: `let channel = item % shape.channels;
  let slice = item / shape.channels;
  ${slicePixels}
  var sum = 0.0;
  for (var pixel = begin; pixel < end; pixel++) { sum += source[pixel * shape.channels + channel]; }
  output[item] = sum;`,
    flops: pixels / slices,
  });
  return { kernel, slices };
}
