/** @file Operations of mobile networks: shapes, norms, plans, JSON. */

import { describe, expect, it } from 'vitest';
import { type Graph, type Network, parameterShapes } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import type { ChannelGateOperation } from '../../src/graph/operations/channel-gate.ts';
import type { DepthwiseConv2dOperation } from '../../src/graph/operations/depthwise-conv2d.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { allFusions, type Fusion, fuse } from '../../src/graph/passes/index.ts';
import { conv } from '../../src/models/layers.ts';
import { randomFloats } from '../gpu/assert.ts';
import { interpretGraph } from '../helpers/interpret-graph.ts';
import { ppOcrV4, ppOcrV6 } from '../helpers/mobile-networks.ts';
import { planOf, randomParameters } from '../helpers/networks.ts';

const size = { width: 32, height: 64 };

const depthwise: DepthwiseConv2dOperation = {
  op: 'depthwiseConv2d',
  name: 'depthwise',
  output: 'depthwise',
  input: 'stem',
  weight: 'depthwise.weight',
  channels: 18,
  kernel: 5,
  stride: 2,
  padding: { top: 1, left: 1, bottom: 2, right: 2 },
  norm: 'norm',
  activation: 'hardswish',
};

const networkOf = (...operations: Network['operations']): Network => ({
  input: 'image',
  operations: [conv('stem', 'image', 'stem.weight', [3, 18], { stride: 2 }), ...operations],
  outputs: [operations.at(-1)!.name],
});

const graphOf = (network: Network): Graph => ({ ...network, parameters: randomParameters(network, 1) });

describe('depthwiseConv2d', () => {
  const network = networkOf(depthwise);

  it('has the shape of its padding and stride, and the parameters of PyTorch', () => {
    const { height, width, channels } = inferShapes(network, size).get('depthwise')!;
    expect([height, width, channels]).toEqual([16, 8, 18]);
    const shapes = parameterShapes(network);
    expect(shapes.get('depthwise.weight')).toEqual([18, 1, 5, 5]);
    expect(shapes.get('norm.running_var')).toEqual([18]);
  });

  it('takes up its batch norm', () => {
    const image = Float64Array.from(randomFloats(32 * 64 * 3, 2));
    const graph = graphOf(network);
    const { parameters } = graph;
    const folded = interpretGraph(foldBatchNorm(graph), size, image).get('depthwise')!;
    const bare = { ...depthwise, norm: undefined, activation: 'none' } as const;
    const plain = interpretGraph({ ...graph, operations: [network.operations[0], bare] }, size, image);
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      parameters(`norm.${part}`),
    );
    plain.get('depthwise')!.forEach((value, i) => {
      const c = i % 18;
      const x = ((value - mean[c]) / Math.sqrt(variance[c] + 1e-5)) * gamma[c] + beta[c];
      expect(folded[i]).toBeCloseTo(x * Math.min(Math.max(x / 6 + 0.5, 0), 1), 10);
    });
  });

  it('is bound as its kernel declares, in both precisions', () => {
    for (const precision of ['f32', 'f16'] as const) {
      const { steps, constants, tensors } = planOf(foldBatchNorm(graphOf(network)), size, { precision });
      const { kernel, resources } = steps.at(-1)!;
      expect(resources.map(({ name }) => name)).toEqual([
        'stem',
        'depthwise.weights',
        'depthwise.bias',
        'depthwise',
      ]);
      resources.forEach(({ kind, name }, i) => {
        const bytes =
          kind === 'tensor'
            ? tensors.get(name)!.bytes
            : constants.get(name)!.data().length * (constants.get(name)!.precision === 'f16' ? 2 : 4);
        expect(bytes, `${precision}, ${name}`).toBe(kernel.bindings[i].bytes);
      });
    }
  });
});

describe('channelGate', () => {
  const gate: ChannelGateOperation = {
    op: 'channelGate',
    name: 'gate',
    output: 'gate',
    input: 'stem',
    channels: 18,
    hidden: 5,
    reduce: { weight: 'reduce.weight', bias: 'reduce.bias' },
    expand: { weight: 'expand.weight', bias: 'expand.bias' },
    slope: 0.2,
    shortcut: true,
  };

  it('is three kernels, and the tensors between them do not outlive it', () => {
    const network = networkOf(gate, { ...depthwise, input: 'gate' });
    const { steps, tensors } = planOf(foldBatchNorm(graphOf(network)), size);
    expect(steps.slice(2, 5).map(({ resources }) => resources.map(({ name }) => name))).toEqual([
      ['stem', 'gate.sums'],
      ['gate.sums', 'gate.weights', 'gate.bias', 'gate.factors'],
      ['stem', 'gate.factors', 'gate'],
    ]);
    for (const { kernel, resources } of steps.slice(2, 5)) {
      resources.forEach(({ kind, name }, i) => {
        if (kind === 'tensor') expect(tensors.get(name)!.bytes, name).toBe(kernel.bindings[i].bytes);
      });
    }
    const buffers = ['stem', 'gate.sums', 'gate.factors', 'gate'].map((name) => tensors.get(name)!.buffer);
    expect(new Set(buffers).size).toBe(4);
    expect(buffers.slice(0, 3)).toContain(tensors.get('depthwise')!.buffer);
  });

  it('is refused where the channels do not fit', () => {
    expect(() => inferShapes(networkOf({ ...gate, channels: 16 }), size)).toThrow("operation 'gate'");
    expect(() => inferShapes(networkOf({ ...gate, hidden: 2049 }), size)).toThrow('at most 2048 channels');
  });
});

describe("PP-OCR's detectors", () => {
  const noNumbers = () => {
    throw new Error('no numbers are needed');
  };
  const folded = (network: Network) => foldBatchNorm({ ...network, parameters: noNumbers });

  it('are bound as their kernels declare, in both precisions', () => {
    for (const network of [ppOcrV4(7), ppOcrV6(4)]) {
      for (const graph of [folded(network), fuse(folded(network))]) {
        for (const precision of ['f32', 'f16'] as const) {
          const { steps, tensors } = planOf(graph, size, { precision });
          for (const { kernel, resources } of steps) {
            expect(resources.length, kernel.label).toBe(kernel.bindings.length - 1);
            resources.forEach(({ kind, name }, i) => {
              if (kind === 'tensor') {
                expect(tensors.get(name)!.bytes, `${kernel.label}, ${name}`).toBe(kernel.bindings[i].bytes);
              }
            });
            expect(resources.length, kernel.label).toBeLessThanOrEqual(8);
          }
        }
      }
    }
  });

  it('move less for the fusions that are for them, in pipelines that layers share', () => {
    const cost = (network: Network, without: readonly Fusion[]) => {
      const names = allFusions.filter((name) => !without.includes(name));
      const { steps } = planOf(fuse(folded(network), names), { width: 640, height: 640 });
      const bytes = steps.reduce((sum, { kernel }) => sum + kernel.bytes, 0);
      return {
        megabytes: Math.round(bytes / 1e6),
        dispatches: steps.length,
        pipelines: new Set(steps.map(({ kernel }) => kernel.code)).size,
      };
    };
    expect(cost(ppOcrV4(), ['gateInEpilogue'])).toMatchObject({ megabytes: 299, dispatches: 80 });
    expect(cost(ppOcrV4(), [])).toEqual({ megabytes: 236, dispatches: 74, pipelines: 17 });
    expect(cost(ppOcrV6(), ['gateInEpilogue'])).toMatchObject({ megabytes: 518, dispatches: 105 });
    expect(cost(ppOcrV6(), [])).toEqual({ megabytes: 462, dispatches: 99, pipelines: 20 });
  });
});
