/** @file Deformable convolutions: shapes, norms, plans, JSON, weights, and what the tuner sees of them. */

import { describe, expect, it } from 'vitest';
import { type Graph, type Network, parameterShapes } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import { readNetwork, writeNetwork } from '../../src/graph/network-json.ts';
import type { DeformConv2dOperation } from '../../src/graph/operations/deform-conv2d.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { columnWeights, deformColumns } from '../../src/kernels/deform-conv2d.ts';
import { dbNet, mmocr } from '../../src/models/dbnet.ts';
import { conv } from '../../src/models/layers.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { convolutions, layerClass } from '../../src/tuning/classes.ts';
import { randomFloats } from '../gpu/assert.ts';
import { interpretGraph } from '../helpers/interpret-graph.ts';
import { planOf, withRandomParameters } from '../helpers/networks.ts';
import { errorOf } from './safetensors-helpers.ts';

const size = { width: 64, height: 32 };

const deform: DeformConv2dOperation = {
  ...{ op: 'deformConv2d', name: 'deform', output: 'deform', input: 'stem', offsets: 'offsets' },
  ...{ flatOffsets: false, weight: 'deform.weight', inChannels: 18, outChannels: 22, stride: 2 },
  ...{ padding: { top: 1, left: 1, bottom: 1, right: 1 }, norm: 'norm', residuals: [], activation: 'relu' },
};

const networkOf = (operation: DeformConv2dOperation, stride = 2): Network => ({
  input: 'image',
  operations: [
    conv('stem', 'image', 'stem.weight', [3, 18], { stride: 2 }),
    { ...conv('offsets', 'stem', 'offsets.weight', [18, 27], { stride, relu: false }), bias: 'offsets.bias' },
    operation,
  ],
  outputs: ['deform'],
});

const graphOf = (network: Network): Graph => withRandomParameters(network, 1);

describe('deformConv2d', () => {
  it('has the shape of its padding and stride, and the parameters of PyTorch', () => {
    const network = networkOf(deform);
    const { height, width, channels } = inferShapes(network, size).get('deform')!;
    expect([height, width, channels]).toEqual([8, 16, 22]);
    const shapes = parameterShapes(network);
    expect(shapes.get('deform.weight')).toEqual([22, 18, 3, 3]);
    expect(shapes.get('norm.running_var')).toEqual([22]);
  });

  it('takes offsets of its own size, or larger ones as flat memory', () => {
    const message = (network: Network) =>
      errorOf('incompatible-weights', () => inferShapes(network, size)).message;
    expect(message(networkOf(deform, 1))).toContain(
      "operation 'deform': expected offsets of the size of the output",
    );
    const flat = { ...deform, flatOffsets: true };
    expect(inferShapes(networkOf(flat, 1), size).get('deform')!.width).toBe(16);
    expect(message(networkOf({ ...flat, stride: 1 }, 2))).toContain(
      'offsets at least as large as the output',
    );
    expect(message(networkOf({ ...deform, offsets: 'stem' }))).toContain('offsets of 27 channels');
    expect(message(networkOf({ ...deform, inChannels: 16 }))).toContain('an input of 16 channels');
    const wrong = { ...deform, residuals: [{ tensor: 'stem', kind: 'same' }] } as const;
    expect(message(networkOf(wrong))).toContain('residuals of the size of the output');
  });

  it('takes up its batch norm', () => {
    const image = Float64Array.from(randomFloats(32 * 64 * 3, 2));
    const graph = graphOf(networkOf(deform));
    const folded = interpretGraph(foldBatchNorm(graph), size, image).get('deform')!;
    const bare = networkOf({ ...deform, norm: undefined, activation: 'none' });
    const plain = interpretGraph({ ...graph, operations: bare.operations }, size, image);
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      graph.parameters(`norm.${part}`),
    );
    plain.get('deform')!.forEach((value, i) => {
      const c = i % 22;
      const x = ((value - mean[c]) / Math.sqrt(variance[c] + 1e-5)) * gamma[c] + beta[c];
      expect(folded[i]).toBeCloseTo(Math.max(x, 0), 10);
    });
  });

  it('is two kernels, bound as they declare, in both precisions; the columns do not outlive it', () => {
    for (const precision of ['f32', 'f16'] as const) {
      const { steps, constants, tensors } = planOf(foldBatchNorm(graphOf(networkOf(deform))), size, {
        precision,
      });
      const last = steps.slice(-2);
      expect(last.map(({ resources }) => resources.map(({ name }) => name))).toEqual([
        ['stem', 'offsets', 'deform.columns'],
        ['deform.columns', 'deform.weights', 'deform.bias', 'deform'],
      ]);
      for (const { kernel, resources } of last) {
        resources.forEach(({ kind, name }, i) => {
          const bytes =
            kind === 'tensor'
              ? tensors.get(name)!.bytes
              : constants.get(name)!.data().length * (constants.get(name)!.precision === 'f16' ? 2 : 4);
          expect(bytes, `${precision}, ${name}`).toBe(kernel.bindings[i].bytes);
        });
      }
    }
    const network = dbNet(resNet18(16, mmocr.deformable[0]), { neck: 64, head: 16 });
    const { tensors, bufferSizes } = planOf(foldBatchNorm(graphOf(network)), size);
    const columns = [...tensors].filter(([name]) => name.endsWith('.columns'));
    expect(columns.length).toBe(6);
    expect(new Set(columns.map(([, { buffer }]) => buffer)).size).toBeLessThan(3);
    // A pixel of the columns takes 9 x 2 width channels at a stride of 8, one of the stem width at a stride of 2.
    expect(Math.max(...bufferSizes)).toBe((9 * 32 * 4 * 32 * 64) / 64);
  });

  it('travels as JSON, and members of it are checked', () => {
    const network = dbNet(resNet18(16, mmocr.deformable[0]), { neck: 64, head: 16 });
    const json = writeNetwork(network);
    expect(readNetwork(json)).toEqual(
      JSON.parse(json, (key, value) => (key === 'version' ? undefined : value)),
    );
    const wrong = json.replace('"flatOffsets":false', '"flatOffsets":"no"');
    const { message } = errorOf('incompatible-weights', () => readNetwork(wrong));
    expect(message).toMatch(/network\.operations\[\d+\]\.flatOffsets.*expected a boolean/);
  });

  it('gives the tuner the convolution of its columns, as one of its own class', () => {
    const graph = graphOf(networkOf(deform));
    const found = convolutions([graph], size, 'f32').map((conv) => layerClass(conv, 'f32'));
    expect(found).toEqual([
      'f32 3x3/2 3 > 18, 2^9 px',
      'f32 3x3/2 18 > 27, 2^7 px',
      'f32 1x1 180 > 22, 2^7 px',
    ]);
  });
});

describe('deformColumns', () => {
  it('counts whole vec4s in bindings, and cuts large images into rows of workgroups', () => {
    const form = {
      ...{ label: 'deform', height: 13, width: 9, channels: 18, outHeight: 7, outWidth: 5, stride: 2 },
      ...{ padding: { top: 1, left: 1 }, offsetPixels: 35, flatOffsets: false },
    };
    const { bindings, dispatch } = deformColumns(form, { precision: 'f16' });
    expect(bindings.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['source', 13 * 9 * 20 * 2],
      ['offsets', 35 * 28 * 2],
      ['columns', 35 * 9 * 20 * 2],
      ['shape', 6 * 4],
    ]);
    // Two threads for the five vec4s of each sample.
    expect(dispatch).toEqual([Math.ceil((35 * 9 * 2) / 64), 1, 1]);
    const large = { ...form, outHeight: 512, outWidth: 1024, channels: 128 };
    const [x, y] = deformColumns(large, { precision: 'f32' }).dispatch;
    expect(x).toBeLessThanOrEqual(65535);
    expect(x * y * 64).toBeGreaterThanOrEqual(512 * 1024 * 9 * 8);
  });

  it('its weights go from [out, channel, tap] to [out, tap, channel], padded with zeros', () => {
    const weights = Float32Array.from({ length: 2 * 3 * 9 }, (_, i) => 1 + i);
    const turned = columnWeights({ channels: 3, outChannels: 2 }, weights);
    expect(turned.length).toBe(2 * 9 * 4);
    expect([...turned.subarray(0, 8)]).toEqual([1, 10, 19, 0, 2, 11, 20, 0]);
    expect([...turned.subarray(68)]).toEqual([36, 45, 54, 0]);
  });
});
