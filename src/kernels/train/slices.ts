/**
 * @file Sums over many pixels in two steps: each of a few slices by itself, then the slices, in order. No atomics, so
 * that sums come out the same each time.
 */

import type { Kernel } from '../kernel.ts';
import { floats, perItem, vectors } from './elementwise.ts';

/**
 * Into how many slices the pixels are cut for sums: enough threads for a GPU, few enough to be added up by one.
 *
 * @example
 * const slices = pixelSlices(160 * 160);
 */
export const pixelSlices = (pixels: number): number => Math.max(1, Math.min(128, Math.ceil(pixels / 32)));

/** WGSL: the pixels `begin` to `end` of `slice`. */
export const slicePixels = `let begin = slice * shape.pixels / shape.slices;
  let end = (slice + 1u) * shape.pixels / shape.slices;`;

/**
 * The gradient of a bias, in slices: `output[slice, channel] = sum over the slice's pixels of source[pixel, channel]`; `count` elements in all; f32.
 *
 * @example
 * const { kernel, slices } = pixelSums({ label: 'bias gradient', count: 160 * 160, channels: 64 });
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

export interface SumSlices {
  label: string;
  slices: number;
  /** Numbers in a slice. */
  count: number;
}

/**
 * `output[i] = sum over slices of source[slice, i]`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = sumSlices({ label: 'sum', slices: 8, count: 64 });
 */
export function sumSlices({ label, slices, count }: SumSlices): Kernel {
  const width = count % 4 === 0 ? 4 : 1;
  const numbers = width === 4 ? vectors : floats;
  return perItem({
    label,
    items: count / width,
    typed: [numbers('source', slices * count), numbers('output', count, 'read_write')],
    shape: { slices },
    body: `var sum = source[item];
  for (var slice = 1u; slice < shape.slices; slice++) { sum += source[slice * shape.items + item]; }
  output[item] = sum;`,
    flops: width * slices,
  });
}
