/** @file The DB head's weights and description, without a device. */

import { describe, expect, it } from 'vitest';
import { dbHead, packDbHead } from '../../src/kernels/db-head.ts';
import { f32 } from '../../src/kernels/kernel.ts';
import { randomFloats } from '../gpu/assert.ts';

const channels = 16;
const shape = { label: 'head', height: 5, width: 7, channels, k: 50, mask: false };

const head = (seed: number) => ({
  up1: randomFloats(channels * channels * 4, seed),
  bias1: randomFloats(channels, seed + 1),
  up2: randomFloats(channels * 4, seed + 2),
  bias2: randomFloats(1, seed + 3),
});

describe('packDbHead', () => {
  it('has position, feature, hidden; then hidden, position; head after head', () => {
    const heads = [head(1), head(10)];
    const { weights, bias } = packDbHead(heads, channels);
    const expected: number[] = [];
    const expectedBias: number[] = [];
    for (const { up1, bias1, up2, bias2 } of heads) {
      for (let y = 0; y < 2; y++) {
        for (let x = 0; x < 2; x++) {
          for (let feature = 0; feature < channels; feature++) {
            for (let hidden = 0; hidden < channels; hidden++) {
              expected.push(up1[((feature * channels + hidden) * 2 + y) * 2 + x]);
            }
          }
        }
      }
      expected.push(...up2);
      expectedBias.push(...bias1, bias2[0], bias2[0], bias2[0], bias2[0]);
    }
    expect([...weights]).toEqual(expected);
    expect([...bias]).toEqual(expectedBias);
  });
});

describe('description', () => {
  it('fits the packed weights, and writes maps in f32 whatever the precision', () => {
    for (const [precision, element] of [
      ['f32', 4],
      ['f16', 2],
    ] as const) {
      const kernel = dbHead({ ...shape, outputs: 'PTB', merged: false }, { precision, pixels: 4 });
      const packed = packDbHead([head(1), head(10)], channels);
      const bytes = Object.fromEntries(kernel.bindings.map((binding) => [binding.name, binding.bytes]));
      expect(bytes).toEqual({
        features0: 35 * channels * element,
        features1: 35 * channels * element,
        weights: packed.weights.length * element,
        bias: packed.bias.length * 4,
        probability: 35 * 16 * 4,
        threshold: 35 * 16 * 4,
        binary: 35 * 16 * 4,
        shape: 8,
      });
    }
  });

  it('has half the work and one map for P alone', () => {
    const both = dbHead({ ...shape, outputs: 'PTB', merged: true }, { precision: 'f32', pixels: 2 });
    const alone = dbHead({ ...shape, outputs: 'P', merged: false }, { precision: 'f32', pixels: 2 });
    expect(alone.flops * 2).toBe(both.flops);
    // 64 features to 4 x 64 hidden, each to 4 logits.
    expect(alone.flops).toBe(2 * 35 * (channels * 4 * channels + 4 * channels * 4));
    expect(alone.bindings.map(({ name }) => name)).toEqual([
      'features0',
      'weights',
      'bias',
      'probability',
      'shape',
    ]);
    expect(both.bindings[0].bytes).toBe(35 * 2 * channels * 4);
    // Two of the four positions each.
    expect(alone.dispatch).toEqual([1, 2, 1]);
  });

  it('writes the mask, 32 pixels a word, with its threshold in the shape, within 8 buffers', () => {
    const kernel = dbHead(
      { ...shape, width: 8, outputs: 'PTB', merged: true, mask: true },
      { precision: 'f32', pixels: 2 },
    );
    expect(kernel.bindings.find(({ name }) => name === 'mask')!.bytes).toBe((20 * 32) / 8);
    expect(kernel.shape).toEqual({ height: 5, width: 8, mask_threshold: f32(0), mask_of_binary: 0 });
    expect(kernel.bindings.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8);
  });
});
