/** @file Batch norm folded into the convolution before it, against the two in turn, in f64. */

import { describe, expect, it } from 'vitest';
import type { ConvEntry } from '../../src/graph/dbnet.ts';
import { foldBatchNorm } from '../../src/graph/fold-batch-norm.ts';
import type { ConvLayer, DbHeadLayer } from '../../src/graph/layers.ts';
import { randomFloats } from '../gpu/assert.ts';
import { convolve } from '../gpu/references/convolution.ts';
import { type TailParameters, tailLogits } from '../gpu/references/db-tail.ts';
import { randomParameters, smallGraph } from '../helpers/networks.ts';

const entry: ConvEntry = {
  op: 'conv2d',
  output: 'out',
  input: 'image',
  weight: 'conv.weight',
  norm: 'bn',
  inChannels: 4,
  outChannels: 8,
  kernel: 3,
  stride: 1,
  relu: true,
};

const size = { height: 5, width: 7 };
const image = randomFloats(5 * 7 * 4, 99);

const convolved = (weights: ArrayLike<number>, bias?: ArrayLike<number>) =>
  convolve({
    sources: [
      {
        ...size,
        values: image,
        channels: 4,
        weights,
        inChannels: 4,
        kernel: 3,
        stride: 1,
        padding: { top: 1, left: 1 },
      },
    ],
    outHeight: 5,
    outWidth: 7,
    outChannels: 8,
    bias,
  }).values;

function expectEqual(actual: Float64Array, expected: Float64Array): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i] - expected[i])).toBeLessThan(1e-12);
}

describe('foldBatchNorm', () => {
  it('gives what convolution and norm give in turn', () => {
    const source = randomParameters([entry], 1);
    const [layer] = foldBatchNorm([entry], source, 50).layers as ConvLayer[];
    const { weights, bias } = layer.parameters();
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      source(`bn.${part}`),
    );
    const normalized = convolved(source('conv.weight')).map((value, i) => {
      const c = i % 8;
      return ((value - mean[c]) / Math.sqrt(variance[c] + 1e-5)) * gamma[c] + beta[c];
    });
    expectEqual(convolved(weights[0], bias), normalized);
    expect(layer.bias).toBe(true);
    expect(layer.relu).toBe(true);
  });

  it('leaves a convolution without a norm as it is, without a bias', () => {
    const bare = { ...entry, norm: undefined };
    const source = randomParameters([bare], 2);
    const [layer] = foldBatchNorm([bare], source, 50).layers as ConvLayer[];
    expect([...layer.parameters().weights[0]]).toEqual([...Float64Array.from(source('conv.weight'))]);
    expect(layer.parameters().bias).toBeUndefined();
    expect(layer.bias).toBe(false);
  });

  it('does not lose a large mean: the sums are f64', () => {
    const large = (name: string) =>
      name === 'bn.running_mean' ? new Float32Array(8).fill(2 ** 24) : randomParameters([entry], 3)(name);
    const [layer] = foldBatchNorm([entry], large, 50).layers as ConvLayer[];
    const [gamma, beta, variance] = ['weight', 'bias', 'running_var'].map((part) => large(`bn.${part}`));
    layer.parameters().bias!.forEach((value, c) => {
      expect(value).toBe(beta[c] - (gamma[c] / Math.sqrt(variance[c] + 1e-5)) * 2 ** 24);
    });
  });

  it("folds the tail's norm into its first transposed convolution and bias", () => {
    const channels = 4;
    const head = { op: 'dbHead' as const, outputs: ['P'], heads: [{ prefix: 'head', input: 'f' }], channels };
    const source = randomParameters([head], 4);
    const [layer] = foldBatchNorm([head], source, 50).layers as DbHeadLayer[];
    const [folded] = layer.parameters();
    const norm = {
      weight: source('head.4.weight'),
      bias: source('head.4.bias'),
      mean: source('head.4.running_mean'),
      variance: source('head.4.running_var'),
    };
    const ones = new Float64Array(channels).fill(1);
    const zeros = new Float64Array(channels);
    const identity = { weight: ones, bias: zeros, mean: zeros, variance: ones.map((one) => one - 1e-5) };
    const features = randomFloats(3 * 5 * channels, 5);
    const unfolded: TailParameters = {
      up1: source('head.3.weight'),
      bias1: source('head.3.bias'),
      norm,
      up2: source('head.6.weight'),
      bias2: source('head.6.bias'),
    };
    expectEqual(
      tailLogits(features, 5, { ...folded, norm: identity }).values,
      tailLogits(features, 5, unfolded).values,
    );
  });

  it('names outputs and k for the head, and computes nothing before it is asked', () => {
    const graph = smallGraph(true);
    expect(graph.outputs).toEqual(['P', 'T', 'B']);
    const head = graph.layers.at(-1) as DbHeadLayer;
    expect([head.op, head.k]).toEqual(['dbHead', 5]);
    const silent = foldBatchNorm([entry], () => expect.unreachable('read too early'), 50);
    expect(silent.layers.length).toBe(1);
  });
});
