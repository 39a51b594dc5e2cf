/** @file Winograd's transforms as matrix products in f64, tile by tile, written from the definition. */

import { type WinogradSize, winogradMatrices, winogradTiles } from '../../../src/kernels/winograd.ts';

interface Size {
  height: number;
  width: number;
  channels: number;
}

type Matrix = readonly (readonly number[])[];

/** A X A^T. */
function sandwich(matrix: Matrix, tile: Matrix): number[][] {
  const left = matrix.map((row) => tile[0].map((_, j) => row.reduce((sum, a, k) => sum + a * tile[k][j], 0)));
  return left.map((row) => matrix.map((column) => column.reduce((sum, a, k) => sum + a * row[k], 0)));
}

/** V = B^T d B of every tile and channel: `[plane, tile, channel]`. */
export function transformTiles(
  values: ArrayLike<number>,
  { height, width, channels }: Size,
  size: WinogradSize,
): Float64Array {
  const side = size + 2;
  const tiles = winogradTiles(size, { height, width });
  const count = tiles.height * tiles.width;
  const output = new Float64Array(side * side * count * channels);
  for (let tile = 0; tile < count; tile++) {
    const top = Math.floor(tile / tiles.width) * size - 1;
    const left = (tile % tiles.width) * size - 1;
    for (let c = 0; c < channels; c++) {
      const read = (y: number, x: number) =>
        y < 0 || y >= height || x < 0 || x >= width ? 0 : values[(y * width + x) * channels + c];
      const patch = Array.from({ length: side }, (_, i) =>
        Array.from({ length: side }, (_, j) => read(top + i, left + j)),
      );
      for (const [i, row] of sandwich(winogradMatrices[size].BT, patch).entries()) {
        for (const [j, value] of row.entries()) {
          output[((i * side + j) * count + tile) * channels + c] = value;
        }
      }
    }
  }
  return output;
}

/** Y = A^T M A of products `[plane, tile, channel]`: `[height, width, channels]`. */
export function untransformTiles(
  products: ArrayLike<number>,
  { height, width, channels }: Size,
  size: WinogradSize,
): Float64Array {
  const side = size + 2;
  const tiles = winogradTiles(size, { height, width });
  const count = tiles.height * tiles.width;
  const output = new Float64Array(height * width * channels);
  for (let tile = 0; tile < count; tile++) {
    const top = Math.floor(tile / tiles.width) * size;
    const left = (tile % tiles.width) * size;
    for (let c = 0; c < channels; c++) {
      const patch = Array.from({ length: side }, (_, i) =>
        Array.from({ length: side }, (_, j) => products[((i * side + j) * count + tile) * channels + c]),
      );
      for (const [i, row] of sandwich(winogradMatrices[size].AT, patch).entries()) {
        for (const [j, value] of row.entries()) {
          if (top + i < height && left + j < width) {
            output[((top + i) * width + left + j) * channels + c] = value;
          }
        }
      }
    }
  }
  return output;
}

/** U = G g G^T of weights `[out, in, 3, 3]`: `[plane, in, out]`. */
export function transformWeights(
  weights: ArrayLike<number>,
  { inChannels, outChannels }: { inChannels: number; outChannels: number },
  size: WinogradSize,
): Float64Array {
  const side = size + 2;
  const output = new Float64Array(side * side * inChannels * outChannels);
  for (let out = 0; out < outChannels; out++) {
    for (let c = 0; c < inChannels; c++) {
      const filter = [0, 1, 2].map((y) =>
        [0, 1, 2].map((x) => weights[((out * inChannels + c) * 3 + y) * 3 + x]),
      );
      for (const [i, row] of sandwich(winogradMatrices[size].G, filter).entries()) {
        for (const [j, value] of row.entries()) {
          output[((i * side + j) * inChannels + c) * outChannels + out] = value;
        }
      }
    }
  }
  return output;
}
