/** @file Weights of a convolution, from PyTorch's layout to the K x N matrix that the kernel multiplies with. */

import { type Conv2d, upsampleClasses, weightRows } from './conv2d-shape.ts';

/**
 * Packs weights `[out, in, kernel, kernel]`, one array per source, into the matrix of {@link conv2d}:
 * rows source, kernel row, kernel column, input channel (padded with zeros to the stored channels), columns output
 * channels. Where there are planes the one array is `[plane, out, in]`. For class images each class has the sums of the taps that fall on one source pixel, taken in f64.
 */
export function packConvWeights(
  conv: Conv2d,
  weights: readonly ArrayLike<number>[],
): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(weightRows(conv) * conv.outChannels);
  let at = 0;
  const tap = (index: number, places: readonly number[]) => {
    const { kernel, channels, usedChannels = channels } = conv.sources[index];
    const area = kernel * kernel;
    for (let channel = 0; channel < usedChannels; channel++) {
      for (let out = 0; out < conv.outChannels; out++) {
        let sum = 0;
        for (const place of places) sum += weights[index][(out * usedChannels + channel) * area + place];
        packed[at + channel * conv.outChannels + out] = sum;
      }
    }
    at += channels * conv.outChannels;
  };
  if (conv.planes) {
    // [plane, out, in] to [plane, in, out].
    const { channels } = conv.sources[0];
    for (let plane = 0; plane < conv.planes; plane++) {
      const from = plane * conv.outChannels * channels;
      for (let channel = 0; channel < channels; channel++) {
        for (let out = 0; out < conv.outChannels; out++) {
          packed[at++] = weights[0][from + out * channels + channel];
        }
      }
    }
  } else if (conv.upsampledBy) {
    const classes = upsampleClasses(conv.upsampledBy);
    for (const y of classes) {
      for (const x of classes) {
        for (const rows of y.taps) {
          for (const columns of x.taps) {
            tap(
              0,
              rows.flatMap((row) => columns.map((column) => row * 3 + column)),
            );
          }
        }
      }
    }
  } else {
    conv.sources.forEach(({ kernel }, index) => {
      for (let place = 0; place < kernel * kernel; place++) tap(index, [place]);
    });
  }
  return packed;
}
