/** @file Convolution by its definition, over one or more sources. Tensors `[height, width, channels]`. */

import type { Activation } from '../../../src/kernels/activation.ts';
import type { Affine } from '../../../src/kernels/conv2d-epilogue.ts';
import { activate } from './activation.ts';
import type { Reference } from './reference.ts';

export interface ReferenceSource {
  values: ArrayLike<number>;
  height: number;
  width: number;
  /** Channels as stored. */
  channels: number;
  /** `[out, in, kernel, kernel]`; `in` may be less than the stored channels. */
  weights: ArrayLike<number>;
  inChannels: number;
  kernel: number;
  stride: number;
  padding: { top: number; left: number };
}

export interface ReferenceConvolution {
  sources: readonly ReferenceSource[];
  outHeight: number;
  outWidth: number;
  outChannels: number;
  /** `[out]` */
  bias?: ArrayLike<number>;
  /** `[out]`, which multiply before residuals are added. */
  factors?: ArrayLike<number>;
  /** Tensors of the output's shape. */
  residuals?: readonly ArrayLike<number>[];
  activation?: Activation;
  affine?: Affine;
}

export function convolve({
  sources,
  outHeight,
  outWidth,
  outChannels,
  bias,
  factors,
  residuals = [],
  activation = 'none',
  affine,
}: ReferenceConvolution): Reference {
  const values = new Float64Array(outHeight * outWidth * outChannels);
  const magnitudes = new Float64Array(values.length);
  let at = 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let out = 0; out < outChannels; out++, at++) {
        const add = (term: number) => {
          values[at] += term;
          magnitudes[at] += Math.abs(term);
        };
        for (const source of sources) addWindow(source, y, x, out, add);
        if (bias) add(bias[out]);
        if (factors) {
          values[at] *= factors[out];
          magnitudes[at] *= Math.abs(factors[out]);
        }
        for (const residual of residuals) add(residual[at]);
      }
    }
  }
  return activate({ values, magnitudes }, activation, affine);
}

function addWindow(
  { values, height, width, channels, weights, inChannels, kernel, stride, padding }: ReferenceSource,
  y: number,
  x: number,
  out: number,
  add: (term: number) => void,
): void {
  for (let ky = 0; ky < kernel; ky++) {
    for (let kx = 0; kx < kernel; kx++) {
      const row = y * stride + ky - padding.top;
      const column = x * stride + kx - padding.left;
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      for (let c = 0; c < inChannels; c++) {
        add(
          values[(row * width + column) * channels + c] *
            weights[((out * inChannels + c) * kernel + ky) * kernel + kx],
        );
      }
    }
  }
}
