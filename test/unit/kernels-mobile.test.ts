/** @file Descriptions and weights of the kernels of mobile networks, without a device. */

import { expect, it } from 'vitest';
import { channelGate, channelSums, gateSlices, packGate } from '../../src/kernels/channel-gate.ts';
import {
  type DepthwiseConv2d,
  depthwiseConv2d,
  packDepthwiseWeights,
} from '../../src/kernels/depthwise-conv2d.ts';

const conv: DepthwiseConv2d = {
  ...{ label: 'depthwise', height: 13, width: 9, outHeight: 7, outWidth: 5, channels: 6 },
  ...{ kernel: 3, stride: 2, padding: { top: 1, left: 1 }, bias: true, activation: 'hardswish' },
};

it('depthwise weights go from [channel, row, column] to [row, column, channel], padded with zeros', () => {
  const weights = Float32Array.from({ length: 6 * 9 }, (_, i) => 1 + i);
  const packed = packDepthwiseWeights(conv, weights);
  expect(packed.length).toBe(9 * 8);
  expect([...packed.subarray(0, 8)]).toEqual([1, 10, 19, 28, 37, 46, 0, 0]);
  expect([...packed.subarray(64)]).toEqual([9, 18, 27, 36, 45, 54, 0, 0]);
});

it('a depthwise convolution counts whole vec4s in bindings, channels that carry data in flops', () => {
  const { bindings, flops, dispatch } = depthwiseConv2d(conv, { precision: 'f16' });
  expect(bindings.map(({ name, bytes }) => [name, bytes])).toEqual([
    ['source', 13 * 9 * 8 * 2],
    ['weights', 9 * 8 * 2],
    ['bias', 8 * 4],
    ['output', 7 * 5 * 8 * 2],
    ['shape', 5 * 4],
  ]);
  expect(flops).toBe(2 * 7 * 5 * 6 * 9);
  // Two groups of four pixels times two vectors in a row.
  expect(dispatch).toEqual([1, 7, 1]);
});

it('the layers of a gate are turned so that neighbouring threads read neighbouring weights', () => {
  const layers = {
    reduce: [1, 2, 3, 4, 5, 6],
    reduceBias: [7, 8],
    expand: [1, 2, 3, 4, 5, 6],
    expandBias: [1, 2, 3],
  };
  const { weights, bias } = packGate({ averaged: 3, channels: 3, hidden: 2 }, layers);
  expect([...weights]).toEqual([1, 4, 2, 5, 3, 6, 1, 3, 5, 2, 4, 6]);
  expect([...bias]).toEqual([7, 8, 1, 2, 3]);
  const narrow = packGate({ averaged: 1, channels: 3, hidden: 2 }, { ...layers, reduce: [1, 2] });
  expect([...narrow.weights]).toEqual([1, 2, 1, 3, 5, 2, 4, 6]);
});

it('a gate has one thread per vec4 and slice, and never more slices than pixels', () => {
  expect([1, 64, 65, 4096, 1e6].map(gateSlices)).toEqual([1, 1, 2, 64, 64]);
  const shape = { label: 'gate', pixels: 1000, channels: 18 };
  const sums = channelSums(shape, { precision: 'f32' });
  const gate = channelGate({ ...shape, averaged: 18, hidden: 4, slope: 0.2, shortcut: false });
  expect(sums.bindings[1].bytes).toBe(16 * 20 * 4);
  expect(gate.bindings[0].bytes).toBe(sums.bindings[1].bytes);
});
