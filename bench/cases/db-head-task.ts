/** @file The fused DB kernel as a task: inputs, and P, T and B in f64 by the unfused chain's formulas. */

import { type DbHeadWeights, packDbHead } from '../../src/kernels/db-head.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Expected } from './case.ts';
import { randomTensor, seededRandom, stored } from './numbers.ts';
import type { Task } from './pool-tasks.ts';

export interface DbHeadShape {
  /** Size of the features, and channels of each head. */
  height: number;
  width: number;
  channels: number;
  outputs: 'P' | 'PTB';
  merged: boolean;
  mask: boolean;
  k: number;
}

/** The mask's threshold in the measured kernels. */
export const maskThreshold = 0.5;

/** P this close to the threshold may fall on either side. */
const closeCall = 0.01;

/** Logits are a few units large, so that the sigmoid is tried where it is steep. */
const logitScale = 0.02;

export function dbHeadTask(shape: DbHeadShape, precision: Precision): Task {
  const { height, width, channels, outputs, merged, mask, k } = shape;
  const random = seededRandom(5);
  const heads = outputs === 'P' ? 1 : 2;
  const perTensor = merged ? 2 * channels : channels;
  const tensors = Array.from({ length: merged ? 1 : heads }, () =>
    randomTensor(height * width * perTensor, random, precision),
  );
  const weights = Array.from({ length: heads }, () => ({
    up1: scaled(randomTensor(4 * channels * channels, random, precision), 0.25),
    bias1: randomTensor(channels, random, 'f32'),
    up2: scaled(randomTensor(4 * channels, random, precision), logitScale * 4),
    bias2: randomTensor(1, random, 'f32'),
  }));
  const features = tensors.map((values) => stored(values, precision));
  const packed = packDbHead(weights, channels);

  const logit = (head: number, y: number, x: number): number => {
    const pixel = Math.floor(y / 4) * width + Math.floor(x / 4);
    const at = pixel * perTensor + (merged ? head * channels : 0);
    const values = tensors[merged ? 0 : head].subarray(at, at + channels);
    return headLogit(weights[head], values, y % 4, x % 4);
  };
  const map = (value: (y: number, x: number) => number, scale: number) => ({
    count: 16 * height * width,
    precision: 'f32' as const,
    at: (index: number): Expected => ({
      value: value(Math.floor(index / (4 * width)), index % (4 * width)),
      scale,
    }),
  });
  const probability = (y: number, x: number) => sigmoid(logit(0, y, x));
  const threshold = (y: number, x: number) => sigmoid(logit(1, y, x));
  const bit = (index: number) => {
    const p = probability(Math.floor(index / (4 * width)), index % (4 * width));
    return Math.abs(p - maskThreshold) < closeCall ? undefined : p > maskThreshold;
  };
  const binary = (y: number, x: number) => sigmoid(k * (probability(y, x) - threshold(y, x)));
  return {
    data: {
      features0: features[0],
      ...(heads === 2 ? { features1: features[features.length - 1] } : {}),
      weights: stored(packed.weights, precision),
      bias: packed.bias,
    },
    reference: {
      outputs: {
        probability: map(probability, 1),
        // B is up to k / 4 times as steep as P and T.
        ...(heads === 2 ? { threshold: map(threshold, 1), binary: map(binary, k / 4) } : {}),
        ...(mask ? { mask: { words: (16 * height * width) / 32, bit } } : {}),
      },
      tolerance: precision === 'f16' ? 5e-3 : 1e-5,
    },
  };
}

/** Transposed convolution, ReLU, transposed convolution at position (y, x) of the 4x4 outputs of one feature pixel. */
function headLogit(weights: DbHeadWeights, features: Float32Array, y: number, x: number): number {
  const channels = features.length;
  const outer = Math.floor(y / 2) * 2 + Math.floor(x / 2);
  const inner = (y % 2) * 2 + (x % 2);
  let logit = weights.bias2[0];
  for (let hidden = 0; hidden < channels; hidden++) {
    let sum = weights.bias1[hidden];
    for (let i = 0; i < channels; i++) sum += features[i] * weights.up1[(i * channels + hidden) * 4 + outer];
    logit += Math.max(sum, 0) * weights.up2[hidden * 4 + inner];
  }
  return logit;
}

/** By a power of two and the like; f16 values may then need rounding again, which the tolerance covers. */
function scaled(values: Float32Array<ArrayBuffer>, factor: number): Float32Array<ArrayBuffer> {
  for (let i = 0; i < values.length; i++) values[i] *= factor;
  return values;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
