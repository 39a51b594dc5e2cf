/** @file The layer that writes the class images of a 3x3 convolution over an upsampled tensor. */

import type { ConvLayer } from '../layers.ts';

/** `weights` are those of the 3x3 convolution, `[out, in, 3, 3]`. */
export function classConv(
  name: string,
  tensor: string,
  upsampledBy: number,
  outChannels: number,
  weights: () => Float64Array,
): ConvLayer {
  return {
    op: 'conv2d',
    name,
    output: name,
    sources: [{ tensor, kernel: 3, stride: 1, padding: 1 }],
    residuals: [],
    outChannels,
    bias: false,
    relu: false,
    upsampledBy,
    parameters: () => ({ weights: [weights()] }),
  };
}
