/** @file The plan of a training step: its size, its order, and what it keeps. */

import { describe, expect, it } from 'vitest';
import { chooseTile } from '../../src/graph/choose-kernels.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import { resolveLoss } from '../../src/train/loss.ts';
import { resolveOptimizer } from '../../src/train/optimizer.ts';
import { parameterLayout, statisticsLayout } from '../../src/train/plan/parameter-layout.ts';
import { type TrainingPlanOptions, trainingPlan } from '../../src/train/plan/training-plan.ts';
import { fullNetwork } from '../helpers/networks.ts';

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
