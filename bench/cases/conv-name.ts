/** @file A short name for a convolution: what it computes, not where it stands. */

import type { ConvSource } from '../../src/kernels/conv2d.ts';
import type { PlainConvolution } from './conv-problem.ts';

/** `3x3 64>64 80x80 +same relu`, `3x3/2 64>128 40x40 relu`, `3x3 128 + 1x1/2 64 > 128 40x40 relu`, `3x3 64>128 20x20 x8`. */
export function convName(conv: PlainConvolution): string {
  if ('scale' in conv) {
    return `3x3 ${conv.channels}>${conv.outChannels} ${conv.width}x${conv.height} x${conv.scale}`;
  }
  const window = ({ kernel, stride }: ConvSource) => `${kernel}x${kernel}${stride === 1 ? '' : `/${stride}`}`;
  const [first, ...others] = conv.sources;
  const inputs = others.length
    ? `${conv.sources.map((source) => `${window(source)} ${source.channels}`).join(' + ')} > ${conv.outChannels}`
    : `${window(first)} ${first.channels}>${conv.outChannels}`;
  const residuals = conv.residuals.map((residual) =>
    residual.kind === 'same' ? '+same' : `+${residual.kind === 'classes' ? 'class' : 'up'}${residual.scale}`,
  );
  return [
    inputs,
    `${conv.outWidth}x${conv.outHeight}`,
    ...residuals,
    ...(conv.bias ? ['bias'] : []),
    ...(conv.activation === 'none' ? [] : [conv.activation]),
  ].join(' ');
}
