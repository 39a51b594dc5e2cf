/** @file Sampling of deformable convolutions (DCNv2) by its definition, in f64. */

import { type Reference, sigmoid } from './reference.ts';

export interface DeformSampling {
  height: number;
  width: number;
  outHeight: number;
  outWidth: number;
  stride: number;
  padding: { top: number; left: number };
  /** Whether the offsets' memory is read as if they had the output's size. */
  flatOffsets: boolean;
}

/** `[height, width, 27]` */
interface Offsets {
  height: number;
  width: number;
  values: ArrayLike<number>;
}

/**
 * What the taps see, as a picture: `[3 outHeight, 3 outWidth, channels]`, where the nine samples of an output pixel stand
 * as its window does. A magnitude is that of all four neighbours: what the place is off by counts in proportion to them.
 */
export function deformSamples(
  { height, width, outHeight, outWidth, stride, padding, flatOffsets }: DeformSampling,
  source: ArrayLike<number>,
  offsets: Offsets,
): Reference {
  const channels = source.length / (height * width);
  const numbers = flatOffsets ? flatNumbers(offsets, outHeight * outWidth) : offsets.values;
  const values = new Float64Array(9 * outHeight * outWidth * channels);
  const magnitudes = new Float64Array(values.length);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const pixel = y * outWidth + x;
      for (let tap = 0; tap < 9; tap++) {
        const [ky, kx] = [Math.floor(tap / 3), tap % 3];
        const row = y * stride - padding.top + ky + numbers[pixel * 27 + 2 * tap];
        const column = x * stride - padding.left + kx + numbers[pixel * 27 + 2 * tap + 1];
        const mask = sigmoid(numbers[pixel * 27 + 18 + tap]);
        const at = ((3 * y + ky) * 3 * outWidth + 3 * x + kx) * channels;
        for (const i of [Math.floor(row), Math.floor(row) + 1]) {
          for (const j of [Math.floor(column), Math.floor(column) + 1]) {
            if (i < 0 || i >= height || j < 0 || j >= width) continue;
            const weight = (1 - Math.abs(row - i)) * (1 - Math.abs(column - j));
            for (let c = 0; c < channels; c++) {
              const value = mask * source[(i * width + j) * channels + c];
              values[at + c] += weight * value;
              magnitudes[at + c] += Math.abs(value);
            }
          }
        }
      }
    }
  }
  return { values, magnitudes };
}

/**
 * The authors' kernel is given tensors `[18, height, width]` and `[9, height, width]` and takes their first numbers for
 * `[18, pixels]` and `[9, pixels]`. Returns `[pixels, 27]`.
 */
function flatNumbers({ height, width, values }: Offsets, pixels: number): Float64Array {
  const area = height * width;
  const memory = (first: number, count: number) =>
    Array.from({ length: count * area }, (_, i) => values[(i % area) * 27 + first + Math.floor(i / area)]);
  const [offsets, mask] = [memory(0, 18), memory(18, 9)];
  return Float64Array.from({ length: pixels * 27 }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / 27), i % 27];
    return channel < 18 ? offsets[channel * pixels + pixel] : mask[(channel - 18) * pixels + pixel];
  });
}
