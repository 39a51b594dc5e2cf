/**
 * @file Which convolutions are so alike that the same tile is the fastest for them: same windows, channels and class
 * images, and about as many pixels. What the epilogue adds costs little and does not count.
 */

import { type Conv2d, type ConvSource, classCount } from '../kernels/conv2d-shape.ts';
import type { Precision } from '../kernels/wgsl.ts';

/** Windows and channels: what the shader's code depends on. `f32 3x3 64 > 128`, `f32 3x3 128 + 1x1/2 64 > 128`. */
export function layerFamily(
  conv: Pick<Conv2d, 'outChannels' | 'upsampledBy' | 'planes' | 'batch'> & {
    sources: readonly Pick<ConvSource, 'kernel' | 'stride' | 'channels' | 'usedChannels'>[];
  },
  precision: Precision,
): string {
  const source = ({ kernel, stride, channels, usedChannels = channels }: (typeof conv.sources)[number]) =>
    `${kernel}x${kernel}${stride === 1 ? '' : `/${stride}`} ${usedChannels}`;
  const count = classCount(conv);
  const planes = count === 1 ? '' : ` (${count} ${conv.planes ? 'planes' : 'classes'})`;
  return `${precision} ${conv.sources.map(source).join(' + ')} > ${conv.outChannels}${planes}`;
}

/** The power of two that is nearest to the number of output pixels, as its exponent: about 13 for 80x80. */
export function sizeClass({ outHeight, outWidth }: Pick<Conv2d, 'outHeight' | 'outWidth'>): number {
  return Math.round(Math.log2(outHeight * outWidth));
}

/** The name of a class in tuning tables: `f32 3x3 64 > 64, 2^13 px`. */
export function layerClass(conv: Conv2d, precision: Precision, size: number = sizeClass(conv)): string {
  return `${layerFamily(conv, precision)}, 2^${size} px`;
}
