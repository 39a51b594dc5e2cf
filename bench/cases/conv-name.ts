/** @file A short name for a convolution: what it computes, not where it stands. */

import type { Conv2d, ConvSource } from '../../src/kernels/conv2d-shape.ts';

/** `3x3 64>64 80x80 +same relu`, `3x3/2 64>128 40x40 relu`, `3x3 128 + 1x1/2 64 > 128 40x40 relu`, `3x3 64>128 20x20 x8`. */
export function convName(conv: Conv2d): string {
  const window = ({ kernel, stride }: ConvSource) => `${kernel}x${kernel}${stride === 1 ? '' : `/${stride}`}`;
  const channels = ({ channels, usedChannels = channels }: ConvSource) => usedChannels;
  const [first, ...others] = conv.sources;
  const inputs = others.length
    ? `${conv.sources.map((source) => `${window(source)} ${channels(source)}`).join(' + ')} > ${conv.outChannels}`
    : `${window(first)} ${channels(first)}>${conv.outChannels}`;
  const residuals = conv.residuals.map((residual) =>
    residual.kind === 'same' ? '+same' : `+${residual.kind === 'classes' ? 'class' : 'up'}${residual.scale}`,
  );
  return [
    inputs,
    `${conv.outWidth}x${conv.outHeight}`,
    ...(conv.upsampledBy ? [`x${conv.upsampledBy}`] : []),
    ...residuals,
    ...(conv.bias ? ['bias'] : []),
    ...(conv.relu ? ['relu'] : []),
  ].join(' ');
}
