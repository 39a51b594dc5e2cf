/**
 * @file Which convolutions are so alike that the same tile is the fastest for them: same windows, channels and class
 * images, and about as many pixels. What the epilogue adds costs little and does not count.
 */

import type { ConvSource } from '../kernels/conv2d.ts';
import { type Convolution, gemmOf } from '../kernels/convolution.ts';
import type { Precision } from '../kernels/wgsl.ts';

/** Windows and channels: what the shader's code depends on. `f32 3x3 64 > 128`, `f32 3x3 128 + 1x1/2 64 > 128`. */
export function layerFamily(conv: Convolution, precision: Precision): string {
  if ('sources' in conv) return conv2dFamily(conv, precision);
  const { planes } = gemmOf(conv);
  return 'scale' in conv
    ? `${precision} 3x3 ${conv.channels} > ${conv.outChannels} (${planes} classes)`
    : `${precision} 1x1 ${conv.channels} > ${conv.outChannels} (${planes} planes)`;
}

/** {@link layerFamily} of plain convolutions. */
export function conv2dFamily(
  conv: {
    sources: readonly Pick<ConvSource, 'kernel' | 'stride' | 'channels'>[];
    outChannels: number;
  },
  precision: Precision,
): string {
  const sources = conv.sources.map(
    ({ kernel, stride, channels }) => `${kernel}x${kernel}${stride === 1 ? '' : `/${stride}`} ${channels}`,
  );
  return `${precision} ${sources.join(' + ')} > ${conv.outChannels}`;
}

/** The power of two that is nearest to the number of output pixels, as its exponent: about 13 for 80x80. */
export const sizeClass = (conv: Convolution): number => Math.round(Math.log2(gemmOf(conv).pixels));

/** The name of a class in tuning tables: `f32 3x3 64 > 64, 2^13 px`. */
export function layerClass(conv: Convolution, precision: Precision, size: number = sizeClass(conv)): string {
  return `${layerFamily(conv, precision)}, 2^${size} px`;
}
