/** @file Depthwise convolution by its definition, in f64. */

import type { DepthwiseConv2d } from '../../../src/kernels/depthwise-conv2d.ts';
import { activate } from './activation.ts';
import type { Reference } from './reference.ts';

/** `source` `[height, width, channels]`, `weights` `[channels, kernel, kernel]`. */
export function depthwise(
  conv: DepthwiseConv2d,
  source: ArrayLike<number>,
  weights: ArrayLike<number>,
  bias: ArrayLike<number>,
): Reference {
  const { height, width, channels, outHeight, outWidth, kernel, stride, padding, activation } = conv;
  const values: number[] = [];
  const magnitudes: number[] = [];
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = conv.bias ? bias[channel] : 0;
        let magnitude = Math.abs(sum);
        for (let i = 0; i < kernel; i++) {
          for (let j = 0; j < kernel; j++) {
            const [row, column] = [y * stride + i - padding.top, x * stride + j - padding.left];
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const product =
              source[(row * width + column) * channels + channel] *
              weights[(channel * kernel + i) * kernel + j];
            sum += product;
            magnitude += Math.abs(product);
          }
        }
        values.push(sum);
        magnitudes.push(magnitude);
      }
    }
  }
  return activate(
    { values: Float64Array.from(values), magnitudes: Float64Array.from(magnitudes) },
    activation,
    conv.affine,
  );
}
