/** @file Shorthand in which networks are written down. */

import type { Conv2dOperation } from '../graph/operations/conv2d.ts';

/**
 * A convolution with the batch norm `norm`, named by its weight. Padded so that a stride of 1 keeps the size.
 * `channels`: in and out.
 */
export function conv(
  output: string,
  input: string,
  weight: string,
  [inChannels, outChannels]: readonly [number, number],
  {
    kernel = 3,
    stride = 1,
    norm,
    residual,
    relu = true,
  }: { kernel?: number; stride?: number; norm?: string; residual?: string; relu?: boolean } = {},
): Conv2dOperation {
  const side = (kernel - 1) / 2;
  const padding = { top: side, left: side, bottom: side, right: side };
  return {
    op: 'conv2d',
    name: weight.replace(/\.weight$/, ''),
    output,
    sources: [{ tensor: input, weight, inChannels, kernel, stride, padding }],
    outChannels,
    norm,
    residuals: residual === undefined ? [] : [{ tensor: residual, kind: 'same' }],
    activation: relu ? 'relu' : 'none',
  };
}
