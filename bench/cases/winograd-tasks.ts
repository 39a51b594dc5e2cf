/** @file The three steps of a Winograd convolution as tasks: inputs and results in f64, element by element. */

import type { Precision } from '../../src/kernels/wgsl.ts';
import {
  type WinogradSize,
  winogradMatrices,
  winogradPlanes,
  winogradTiles,
} from '../../src/kernels/winograd.ts';
import type { Expected } from './case.ts';
import { randomTensor, seededRandom, stored } from './numbers.ts';
import type { Task } from './pool-tasks.ts';

interface Size {
  height: number;
  width: number;
}

/** Rounding errors of a transform, as a part of the sum of its terms' magnitudes. */
const tolerance: Record<Precision, number> = { f32: 2e-6, f16: 4e-3 };

/** Row i of a matrix and row j: the element (i, j) of A X A^T, with the sum of its terms' magnitudes. */
function sandwich(
  matrix: readonly (readonly number[])[],
  i: number,
  j: number,
  read: (y: number, x: number) => number,
): Expected {
  const expected = { value: 0, scale: 0 };
  matrix[i].forEach((a, y) => {
    matrix[j].forEach((b, x) => {
      if (a === 0 || b === 0) return;
      const term = a * b * read(y, x);
      expected.value += term;
      expected.scale += Math.abs(term);
    });
  });
  return expected;
}

/** The input transform of `[height, width, channels]`. */
export function winogradInputTask(
  { height, width }: Size,
  channels: number,
  size: WinogradSize,
  precision: Precision,
): Task {
  const source = randomTensor(height * width * channels, seededRandom(5), precision);
  const tiles = winogradTiles(size, { height, width });
  const count = tiles.height * tiles.width;
  const read = (y: number, x: number, channel: number) =>
    y < 0 || y >= height || x < 0 || x >= width ? 0 : source[(y * width + x) * channels + channel];
  const at = (index: number): Expected => {
    const channel = index % channels;
    const tile = Math.floor(index / channels) % count;
    const plane = Math.floor(index / channels / count);
    const top = Math.floor(tile / tiles.width) * size - 1;
    const left = (tile % tiles.width) * size - 1;
    const { BT } = winogradMatrices[size];
    return sandwich(BT, Math.floor(plane / (size + 2)), plane % (size + 2), (y, x) =>
      read(top + y, left + x, channel),
    );
  };
  return {
    data: { source: stored(source, precision) },
    reference: {
      outputs: { output: { count: winogradPlanes(size) * count * channels, precision, at } },
      tolerance: tolerance[precision],
    },
  };
}

/** The products of `planes` matrices: tiles `[tiles, inChannels]` times weights `[inChannels, outChannels]`. */
export function winogradProductsTask(
  planes: number,
  tiles: number,
  inChannels: number,
  outChannels: number,
  precision: Precision,
): Task {
  const random = seededRandom(6);
  const source = randomTensor(planes * tiles * inChannels, random, precision);
  const weights = randomTensor(planes * inChannels * outChannels, random, precision);
  const at = (index: number): Expected => {
    const out = index % outChannels;
    const row = Math.floor(index / outChannels);
    const plane = Math.floor(row / tiles);
    const expected = { value: 0, scale: 0 };
    for (let c = 0; c < inChannels; c++) {
      const term = source[row * inChannels + c] * weights[(plane * inChannels + c) * outChannels + out];
      expected.value += term;
      expected.scale += Math.abs(term);
    }
    return expected;
  };
  return {
    data: { source0: stored(source, precision), weights: stored(weights, precision) },
    reference: {
      outputs: { output: { count: planes * tiles * outChannels, precision, at } },
      tolerance: tolerance[precision] * 10,
    },
  };
}

/** The output transform with bias and ReLU, without residuals. */
export function winogradOutputTask(
  { height, width }: Size,
  channels: number,
  size: WinogradSize,
  precision: Precision,
): Task {
  const random = seededRandom(7);
  const tiles = winogradTiles(size, { height, width });
  const count = tiles.height * tiles.width;
  const products = randomTensor(winogradPlanes(size) * count * channels, random, precision);
  const bias = randomTensor(channels, random, 'f32');
  const { AT } = winogradMatrices[size];
  const at = (index: number): Expected => {
    const channel = index % channels;
    const x = Math.floor(index / channels) % width;
    const y = Math.floor(index / channels / width);
    const tile = Math.floor(y / size) * tiles.width + Math.floor(x / size);
    const { value, scale } = sandwich(
      AT,
      y % size,
      x % size,
      (i, j) => products[((i * (size + 2) + j) * count + tile) * channels + channel],
    );
    return { value: Math.max(0, value + bias[channel]), scale: scale + Math.abs(bias[channel]) };
  };
  return {
    data: { products: stored(products, precision), bias: stored(bias, 'f32') },
    reference: {
      outputs: { output: { count: height * width * channels, precision, at } },
      tolerance: tolerance[precision],
    },
  };
}
