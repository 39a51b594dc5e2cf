/** @file Gradient of nearest upsampling: the sum over the pixels that one was copied to. NHWC. */

import type { Kernel } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import { perItem, vectors } from './elementwise.ts';

export interface UpsampleBackward {
  label: string;
  batch: number;
  /** Size of what was upsampled. */
  height: number;
  width: number;
  /** A multiple of 4. */
  channels: number;
  scale: number;
  /** Channels of the upsampled tensor, more than `channels` where it was concatenated with others. */
  gradientChannels: number;
  /** First channel in it. */
  offset: number;
  /** A gradient of the same tensor from elsewhere is added. */
  accumulate: boolean;
}

/**
 * `output[y, x, c] = sum of gradient[scale y .. scale y + scale - 1, scale x .. , offset + c]`, plus `previous` if any.
 * Bindings: `gradient`, `previous` if any, `output`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = upsampleBackward({
 *   label: 'p4',
 *   batch: 1,
 *   height: 40,
 *   width: 40,
 *   channels: 64,
 *   scale: 4,
 *   gradientChannels: 256,
 *   offset: 64,
 *   accumulate: false,
 * });
 */
export function upsampleBackward(options: UpsampleBackward): Kernel {
  const { label, batch, height, width, channels, scale, gradientChannels, offset, accumulate } = options;
  const count = batch * height * width * channels;
  return perItem({
    label,
    items: count / 4,
    typed: [
      vectors('gradient', batch * height * width * scale ** 2 * gradientChannels),
      ...(accumulate ? [vectors('previous', count)] : []),
      vectors('output', count, 'read_write'),
    ],
    shape: { width, vectors: channels / 4, scale, stored: gradientChannels / 4, offset: offset / 4 },
    body: wgsl`let vector = item % shape.vectors + shape.offset;
  let pixel = item / shape.vectors;
  // Rows of all images, one after the other: the batch needs no index of its own.
  let x = pixel % shape.width * shape.scale;
  let y = pixel / shape.width * shape.scale;
  let full_width = shape.width * shape.scale;
  #if ${accumulate}
  var sum = previous[item];
  #else
  var sum = vec4<f32>();
  #endif
  for (var row = y; row < y + shape.scale; row++) {
    for (var column = x; column < x + shape.scale; column++) {
      sum += gradient[(row * full_width + column) * shape.stored + vector];
    }
  }
  output[item] = sum;`,
    flops: 4 * scale ** 2,
  });
}
