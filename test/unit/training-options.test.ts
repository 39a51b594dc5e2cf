/** @file Options of training: schedules, losses, settings of resumed runs, and the advice where memory is short. */

import { describe, expect, it } from 'vitest';
import { resolveLoss } from '../../src/train/loss.ts';
import { doesNotFit } from '../../src/train/memory.ts';
import { learningRateAt, type OptimizerOptions, resolveOptimizer } from '../../src/train/optimizer.ts';
import { resolveSettings, sameSettings } from '../../src/train/settings.ts';
import type { TrainingSettings } from '../../src/train/types.ts';

const refused = (code = 'invalid-argument') => expect.objectContaining({ code });

describe('optimizer', () => {
  it('has the authors’ defaults', () => {
    expect(resolveOptimizer({ kind: 'sgd' })).toMatchObject({
      learningRate: 0.007,
      momentum: 0.9,
      weightDecay: 1e-4,
    });
  });

  it('warms up, then falls by the polynomial to 0', () => {
    const optimizer = resolveOptimizer({
      kind: 'sgd',
      learningRate: 1,
      warmupSteps: 3,
      schedule: { kind: 'poly', steps: 100 },
    });
    const rate = (step: number) => learningRateAt(optimizer, step);
    expect(rate(0)).toBeCloseTo(0.25);
    expect(rate(3)).toBeCloseTo(0.97 ** 0.9);
    expect(rate(50)).toBeCloseTo(0.5 ** 0.9);
    expect(rate(100)).toBe(0);
    expect(rate(101)).toBe(0);
    expect(learningRateAt(resolveOptimizer({ kind: 'adamw', learningRate: 0.5 }), 1e6)).toBe(0.5);
  });

  it.each<[string, unknown]>([
    ['no kind', {}],
    ['another kind', { kind: 'lion' }],
    ['a kind that objects have', { kind: 'toString' }],
    ['an option of the other one', { kind: 'sgd', beta1: 0.9 }],
    ['a negative rate', { kind: 'sgd', learningRate: -1 }],
    ['a rate that is no number', { kind: 'sgd', learningRate: Number.NaN }],
    ['momentum 1', { kind: 'sgd', momentum: 1 }],
    ['no clipping at all', { kind: 'adamw', clipNorm: 0 }],
    ['0 / 0 where a gradient is 0', { kind: 'adamw', epsilon: 0 }],
    ['a schedule of unknown length', { kind: 'sgd', schedule: { kind: 'poly' } }],
    ['an average that never moves', { kind: 'adamw', averageDecay: 1 }],
    ['a schedule without steps', { kind: 'adamw', schedule: { kind: 'poly', steps: 0 } }],
    ['another schedule', { kind: 'adamw', schedule: { kind: 'cosine', steps: 9 } }],
    ['null', null],
  ])('refuses %s', (_, options) => {
    expect(() => resolveOptimizer(options as OptimizerOptions)).toThrow(refused());
  });
});

describe('loss', () => {
  it('knows the authors’ and the paper’s', () => {
    expect(resolveLoss('authors', 50)).toEqual({
      weights: { probability: 5, binary: 1, threshold: 10 },
      binary: 'dice',
      negativeRatio: 3,
      k: 50,
    });
    expect(resolveLoss('paper', 50)).toMatchObject({
      weights: { probability: 1, binary: 1, threshold: 10 },
      binary: 'bce',
    });
  });

  it.each<[string, unknown]>([
    ['another name', 'focal'],
    ['a name that objects have', 'toString'],
    ['a negative weight', { weights: { probability: -1, binary: 1, threshold: 1 } }],
    ['an unknown part', { gamma: 2 }],
    ['another binary loss', { binary: 'focal' }],
  ])('refuses %s', (_, option) => {
    expect(() => resolveLoss(option as 'paper', 50)).toThrow(refused());
  });
});

describe('settings of a resumed run', () => {
  const saved = resolveSettings({ cropSize: 320, optimizer: { kind: 'adamw', learningRate: 1e-3 } });

  it('are those of the state, whatever is left out', () => {
    expect(sameSettings(saved, {})).toEqual(saved);
    expect(sameSettings(saved, { cropSize: 320, optimizer: { learningRate: 1e-3, kind: 'adamw' } })).toEqual(
      saved,
    );
  });

  it('survive JSON', () => {
    expect(sameSettings(JSON.parse(JSON.stringify(saved)), { cropSize: 320 })).toEqual(saved);
  });

  it.each<[string, TrainingSettings]>([
    ['cropSize', { cropSize: 640 }],
    ['seed', { seed: 1 }],
    ['optimizer', { optimizer: { kind: 'adamw', learningRate: 2e-3 } }],
    ['loss', { loss: 'paper' }],
    ['augment', { augment: false }],
  ])('refuse another %s by its name', (name, given) => {
    expect(() => sameSettings(saved, given)).toThrow(refused());
    expect(() => sameSettings(saved, given)).toThrow(new RegExp(name));
  });
});

describe('a batch that does not fit', () => {
  /** A tenth of the bytes in one buffer; 1000 bytes per pixel. */
  const demand = (count: number, cropSize: number) => {
    const bytes = 1000 * count * cropSize * cropSize;
    return { buffers: [bytes / 10, ...Array.from({ length: 9 }, () => bytes / 10)], arrays: 2e8 };
  };

  it('names the largest batch and the largest crop whose buffers fit', () => {
    const message = doesNotFit({ count: 8, cropSize: 640, demand, limit: 128e6 });
    // A buffer of 41 MB per image of 640x640: three fit; of eight images 384x384 is the last below 128 MB.
    expect(message).toMatch(/a batch of 8 and cropSize 640 takes 3477 MB/);
    expect(message).toMatch(/a batch of 3 at this crop size \(1429 MB\)/);
    expect(message).toMatch(/cropSize 384 with this batch/);
  });

  it('proposes half of the memory where the limit is not known', () => {
    const message = doesNotFit({ count: 4, cropSize: 640, demand });
    expect(message).toMatch(/ran out of memory: try a batch of 2 /);
    expect(message).toMatch(/cropSize 448/);
  });

  it('says so where nothing fits', () => {
    expect(doesNotFit({ count: 1, cropSize: 64, demand, limit: 1 })).toMatch(/cannot train/);
  });
});
