/**
 * @file The WGSL of the training kernels, as it is compiled: one file each in __snapshots__. Sizes are uniforms, so
 * that another size or batch compiles nothing.
 */

import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { digitShifts } from '../../src/kernels/train/hard-negative-mining.ts';
import * as training from '../../src/kernels/train/index.ts';
import { resolveLoss } from '../../src/train/loss.ts';

/** Each kernel for images of a size, in a batch of so many. */
const kernels: Record<string, (side: number, batch: number) => Kernel> = {
  'weight-gradient-3x3': (side, batch) =>
    training.conv2dWeightGradient({
      ...{ label: 'weights', batch, height: side, width: side, channels: 64, kernel: 3, stride: 2 },
      ...{ padding: 1, outHeight: side / 2, outWidth: side / 2, outChannels: 128, slices: batch },
    }),
  'weight-gradient-7x7': (side, batch) =>
    training.conv2dWeightGradient({
      ...{ label: 'weights', batch, height: side, width: side, channels: 4, kernel: 7, stride: 2 },
      ...{ padding: 3, outHeight: side / 2, outWidth: side / 2, outChannels: 64, slices: batch },
    }),
  'sum-slices': (side, batch) => training.sumSlices({ label: 'sum', slices: batch, count: side }),
  'transpose-weights': (side) =>
    training.transposeWeights({ label: 'transpose', taps: 9, channels: side, outChannels: 64 }),
  'batch-norm-statistics': (side, batch) =>
    training.batchNormStatistics({ label: 'norm', pixels: batch * side * side, channels: 64 }),
  'batch-norm-combine': (side, batch) =>
    training.batchNormCombine({ label: 'norm', pixels: batch * side * side, channels: 64 }),
  'batch-norm-forward': (side, batch) =>
    training.batchNormForward({
      ...{ label: 'norm', pixels: batch * side * side, channels: 64, epsilon: 1e-5 },
      ...{ mode: 'batch', relu: true, residual: true },
    }),
  'batch-norm-sums': (side, batch) =>
    training.batchNormSums({
      ...{
        label: 'norm',
        pixels: batch * side * side,
        channels: 64,
        epsilon: 1e-5,
        mode: 'frozen',
        relu: true,
      },
    }),
  'batch-norm-backward': (side, batch) =>
    training.batchNormBackward({
      ...{
        label: 'norm',
        pixels: batch * side * side,
        channels: 64,
        epsilon: 1e-5,
        mode: 'batch',
        relu: true,
      },
    }),
  'batch-norm-backward-frozen': (side, batch) =>
    training.batchNormBackward({
      ...{
        label: 'norm',
        pixels: batch * side * side,
        channels: 64,
        epsilon: 1e-5,
        mode: 'frozen',
        relu: false,
      },
    }),
  'relu-backward': (side) => training.reluBackward({ label: 'relu', count: side * 64 }),
  'max-pool-backward': (side, batch) =>
    training.maxPoolBackward({ label: 'pool', batch, height: side, width: side, channels: 64 }),
  'upsample-backward': (side, batch) =>
    training.upsampleBackward({
      ...{ label: 'upsample', batch, height: side, width: side, channels: 64, scale: 2 },
      ...{ gradientChannels: 256, offset: 128, accumulate: true },
    }),
  'blocks-to-image': (side, batch) =>
    training.blocksToImage({ label: 'logits', batch, height: side, width: side }, 2),
  'image-to-blocks': (side, batch) =>
    training.imageToBlocks({ label: 'logits', batch, height: side, width: side }, 2),
  'repeat-vector': (side) => training.repeatVector({ label: 'bias', count: side, times: 4 }),
  'pixel-sums': (side, batch) =>
    training.pixelSums({ label: 'bias', count: batch * side * side * 64, channels: 64 }).kernel,
  'normalize-pixels': (side, batch) =>
    training.normalizePixels({
      ...{ label: 'normalize', pixels: batch * side * side, channelOrder: 'bgr' },
      ...{ mean: [122.5, 116, 104.25], std: [255, 255, 255] },
    }),
  ...Object.fromEntries(
    (['authors', 'paper'] as const).flatMap((name) => {
      const shape = (side: number, batch: number) => ({
        ...{ label: 'loss', pixels: batch * side * side, loss: resolveLoss(name, 50) },
      });
      return [
        [`loss-terms-${name}`, (side: number, batch: number) => training.dbLossTerms(shape(side, batch))],
        [`loss-totals-${name}`, (side: number, batch: number) => training.dbLossTotals(shape(side, batch))],
        [`loss-parts-${name}`, (side: number, batch: number) => training.dbLossParts(shape(side, batch))],
        [
          `loss-gradient-${name}`,
          (side: number, batch: number) => training.dbLossGradient(shape(side, batch)),
        ],
      ];
    }),
  ),
  'mining-histogram': (side, batch) =>
    training.miningHistogram(
      { label: 'mining', pixels: batch * side * side, loss: resolveLoss('paper', 50) },
      digitShifts[batch % 4],
    ),
  'mining-select': (side, batch) =>
    training.miningSelect(
      { label: 'mining', pixels: batch * side * side, loss: resolveLoss('paper', 50) },
      digitShifts[batch % 4],
    ),
  'mined-sums': (side, batch) =>
    training.minedSums({ label: 'mining', pixels: batch * side * side, loss: resolveLoss('paper', 50) }),
  'sum-of-squares': (side) => training.sumOfSquares({ label: 'norm', count: 4 * side }),
  'gradient-verdict': (side) =>
    training.gradientVerdict({ label: 'verdict', count: 4 * side, maxNorm: side }),
  sgd: (side) => training.sgdStep({ label: 'sgd', count: side }, { momentum: 0.9, weightDecay: 1 / side }),
  adamw: (side) =>
    training.adamWStep(
      { label: 'adamw', count: side },
      { beta1: 1 / side, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
    ),
  'moving-average': (side) => training.movingAverage({ label: 'average', count: side, rate: 1 / side }),
  'copy-if-finite': (side) => training.copyIfFinite({ label: 'copy', count: side }),
};

describe('WGSL of training', () => {
  it.each(Object.keys(kernels))('%s', async (name) => {
    const { code } = kernels[name](16, 2);
    await expect(code).toMatchFileSnapshot(`__snapshots__/training-${name}.wgsl`);
  });

  it.each(Object.keys(kernels))('%s is the same for every size and batch', (name) => {
    const [small, large] = [kernels[name](8, 1), kernels[name](512, 3)];
    expect(small.code).toBe(large.code);
    expect(small.shape).not.toEqual(large.shape);
  });

  it.each(Object.keys(kernels))('%s binds no more storage buffers than every device has', (name) => {
    const { bindings } = kernels[name](16, 2);
    expect(bindings.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8);
    // WebGPU promises 65,535 workgroups in one dimension.
    expect(Math.max(...kernels[name](4096, 1).dispatch)).toBeLessThanOrEqual(65_535);
  });
});
