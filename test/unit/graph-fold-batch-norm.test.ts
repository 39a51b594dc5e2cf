/** @file Batch norm folded into the convolution before it, against the two in turn, in f64. */

import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import type { ParameterSource } from '../../src/graph/operation.ts';
import type { Conv2dOperation } from '../../src/graph/operations/conv2d.ts';
import type { DbHeadOperation } from '../../src/graph/operations/db-head.ts';
import type { Operation } from '../../src/graph/operations/index.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { conv } from '../../src/models/layers.ts';
import { randomFloats } from '../gpu/assert.ts';
import { convolve } from '../gpu/references/convolution.ts';
import { type TailParameters, tailLogits } from '../gpu/references/db-tail.ts';
import { randomParameters, smallGraph } from '../helpers/networks.ts';

const convolution = conv('out', 'image', 'conv.weight', [4, 8], { norm: 'bn' });

/** The network of one operation. */
const only = (operation: Operation) => ({ input: 'image', operations: [operation], outputs: ['out'] });

/** The folded operation, and its parameters. */
function fold<O extends Operation>(operation: O, parameters: ParameterSource) {
  const graph: Graph = foldBatchNorm({ ...only(operation), parameters });
  const [folded] = graph.operations as O[];
  return { folded, parameters: graph.parameters };
}

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
    const source = randomParameters(only(convolution), 1);
    const { folded, parameters } = fold(convolution, source);
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      source(`bn.${part}`),
    );
    const normalized = convolved(source('conv.weight')).map((value, i) => {
      const c = i % 8;
      return ((value - mean[c]) / Math.sqrt(variance[c] + 1e-5)) * gamma[c] + beta[c];
    });
    expectEqual(convolved(parameters(folded.sources[0].weight), parameters(folded.bias!)), normalized);
    expect(folded.norm).toBeUndefined();
    expect(folded.activation).toBe('relu');
  });

  it('leaves a convolution without a norm as it is, without a bias', () => {
    const bare: Conv2dOperation = { ...convolution, norm: undefined };
    const { folded } = fold(bare, () => expect.unreachable('nothing is to be read'));
    expect(folded).toEqual(bare);
    expect(folded.bias).toBeUndefined();
  });

  it('takes a bias along', () => {
    const biased: Conv2dOperation = { ...convolution, bias: 'conv.bias' };
    const source = randomParameters(only(biased), 2);
    const { folded, parameters } = fold(biased, source);
    const plain = fold(convolution, source);
    const [gamma, variance] = ['weight', 'running_var'].map((part) => source(`bn.${part}`));
    const before = plain.parameters(plain.folded.bias!);
    expectEqual(
      Float64Array.from(parameters(folded.bias!)),
      Float64Array.from(
        before,
        (value, c) => value + (source('conv.bias')[c] * gamma[c]) / Math.sqrt(variance[c] + 1e-5),
      ),
    );
  });

  it('does not lose a large mean: the sums are f64', () => {
    const large = (name: string) =>
      name === 'bn.running_mean'
        ? new Float32Array(8).fill(2 ** 24)
        : randomParameters(only(convolution), 3)(name);
    const { folded, parameters } = fold(convolution, large);
    const [gamma, beta, variance] = ['weight', 'bias', 'running_var'].map((part) => large(`bn.${part}`));
    Array.from(parameters(folded.bias!)).forEach((value, c) => {
      expect(value).toBe(beta[c] - (gamma[c] / Math.sqrt(variance[c] + 1e-5)) * 2 ** 24);
    });
  });

  it("folds the tail's norm into its first transposed convolution and bias", () => {
    const channels = 4;
    const up1 = { weight: 'head.3.weight', bias: 'head.3.bias', norm: 'head.4' };
    const up2 = { weight: 'head.6.weight', bias: 'head.6.bias' };
    const head: DbHeadOperation = {
      op: 'dbHead',
      name: 'head',
      outputs: ['P'],
      features: ['f'],
      channels,
      k: 50,
      heads: [{ up1, up2 }],
    };
    const source = randomParameters(only(head), 4);
    const { folded, parameters } = fold(head, source);
    const [tail] = folded.heads;
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
      tailLogits(features, 5, {
        up1: parameters(tail.up1.weight),
        bias1: parameters(tail.up1.bias!),
        norm: identity,
        up2: parameters(tail.up2.weight),
        bias2: parameters(tail.up2.bias),
      }).values,
      tailLogits(features, 5, unfolded).values,
    );
  });

  it('names outputs and k for the head, and computes nothing before it is asked', () => {
    const graph = smallGraph(true);
    expect(graph.outputs).toEqual(['P', 'T', 'B']);
    const head = graph.operations.at(-1) as DbHeadOperation;
    expect([head.op, head.k]).toEqual(['dbHead', 5]);
    const silent = fold(convolution, () => expect.unreachable('read too early'));
    expect(silent.folded.bias).toBeDefined();
  });
});
