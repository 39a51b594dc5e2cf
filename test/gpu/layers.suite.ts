/** @file Max-pooling, stem with max-pooling, upsample-and-add, upsample-and-concat against their definitions. */

import { type GpuContext, openDevice } from '../../src/gpu/device.ts';
import { packConvWeights } from '../../src/kernels/conv2d.ts';
import { maxPool } from '../../src/kernels/max-pool.ts';
import { stemPool } from '../../src/kernels/stem-pool.ts';
import { upsampleAdd } from '../../src/kernels/upsample-add.ts';
import { upsampleConcat } from '../../src/kernels/upsample-concat.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { assertClose, randomFloats } from './assert.ts';
import { assertWithin, precisionsOf, representable, sumTolerance } from './precision.ts';
import { convolve } from './references/convolution.ts';
import { maxPool as maxPoolReference, pool3x3 } from './references/max-pool.ts';
import { concatenate, upsampleNearest } from './references/upsample.ts';
import { runKernel } from './run-kernel.ts';
import { assertLanes, stored, withoutLanes, zeroLanes } from './stored.ts';
import type { GpuTest } from './suite.ts';

interface Size {
  height: number;
  width: number;
  channels: number;
}

const nameOf = ({ height, width, channels }: Size) => `${height}x${width}x${channels}`;

/** A test of several sizes; what it runs is called `label`. */
const test = (
  name: string,
  sizes: readonly Size[],
  check: (context: GpuContext, size: Size, precision: Precision, label: string) => Promise<void>,
): GpuTest => ({
  name: `${name} ${sizes.map(nameOf).join(', ')}`,
  async run({ device }) {
    const context = await openDevice({ device });
    for (const precision of await precisionsOf(context)) {
      for (const size of sizes)
        await check(context, size, precision, `${name} ${nameOf(size)}, ${precision}`);
    }
  },
});

/** The smallest, one whose rows fill no workgroup, and one with more than a workgroup a row. */
const sizes: readonly Size[] = [
  { height: 2, width: 2, channels: 4 },
  { height: 14, width: 6, channels: 20 },
  { height: 6, width: 34, channels: 64 },
];

const pooling = test('max-pool', sizes, async (context, size, precision, label) => {
  const { height, width, channels } = size;
  // All below zero, so that a zero taken for a neighbour outside would win.
  const source = representable(randomFloats(height * width * channels, 3, -2, -1), precision);
  const pool = pool3x3(size);
  const { output } = await runKernel(context, maxPool({ label, ...pool }, { precision }), { source });
  assertClose(output, maxPoolReference(source, pool), 0, label);
});

const windows = [
  { kernel: 2, stride: 1, before: 0, after: 1 },
  { kernel: 3, stride: 2, before: 0, after: 1 },
  { kernel: 2, stride: 2, before: 0, after: 0 },
  { kernel: 5, stride: 3, before: 4, after: 4 },
].map(({ kernel, stride, before, after }) =>
  test(
    `max-pool ${kernel}x${kernel}, stride ${stride}, ${before} before and ${after} after,`,
    [
      { height: 5, width: 5, channels: 4 },
      { height: 13, width: 7, channels: 6 },
      { height: 5, width: 33, channels: 18 },
    ],
    async (context, size, precision, label) => {
      const { height, width, channels } = size;
      const side = (length: number) => Math.floor((length + before + after - kernel) / stride) + 1;
      const pool = {
        ...size,
        ...{ outHeight: side(height), outWidth: side(width), kernel, stride },
        padding: { top: before, left: before },
      };
      // All below zero, as above.
      const source = representable(randomFloats(height * width * stored(channels), 3, -2, -1), precision);
      const { output } = await runKernel(context, maxPool({ label, ...pool }, { precision }), {
        source: zeroLanes(source, channels),
      });
      assertClose(
        withoutLanes(output, channels),
        maxPoolReference(withoutLanes(source, channels), pool),
        0,
        label,
      );
      assertLanes(output, channels, label);
    },
  ),
);

/**
 * Sizes of the image; multiples of 4, the pooled ones 1x1, 13x7, 5x17 and 9x9: less, and more, than the kernel's 7x8. Channels
 * for all numbers of vectors that a workgroup takes.
 */
const stemSizes: readonly Size[] = [
  { height: 4, width: 4, channels: 8 },
  { height: 52, width: 28, channels: 8 },
  { height: 20, width: 68, channels: 16 },
  { height: 36, width: 36, channels: 32 },
];

const stem = test('stem', stemSizes, async (context, size, precision, label) => {
  const { height, width, channels: outChannels } = size;
  const window = { kernel: 7, stride: 2, padding: { top: 3, left: 3 } };
  // The fourth channel holds numbers as well: it must have no influence.
  const source = representable(randomFloats(height * width * 4, 13), precision);
  const weights = representable(randomFloats(outChannels * 3 * 49, 14), precision);
  const bias = randomFloats(outChannels, 15);
  const conv = {
    label,
    sources: [{ height, width, channels: 3, ...window }],
    outHeight: height / 2,
    outWidth: width / 2,
    outChannels,
    bias: true,
    residuals: [],
    activation: 'relu' as const,
  };
  const { output } = await runKernel(
    context,
    stemPool({ label, height, width, outChannels }, { precision }),
    {
      source,
      weights: packConvWeights(conv, [weights]),
      bias,
    },
  );
  const { values, magnitudes } = convolve({
    ...conv,
    sources: [{ values: source, height, width, channels: 4, weights, inChannels: 3, ...window }],
    bias,
  });
  // The largest of nine values is off by no more than the one with the largest error may be.
  const pooling = pool3x3({ height: height / 2, width: width / 2, channels: outChannels });
  const pool = (tensor: Float64Array) => maxPoolReference(tensor, pooling);
  const expected = { values: pool(values), magnitudes: pool(magnitudes) };
  assertWithin(output, expected, sumTolerance(3 * 49 + 1, precision), label);
});

const addition = test('upsample-add', sizes, async (context, size, precision, label) => {
  const { height, width, channels } = size;
  const lateral = representable(randomFloats(height * width * channels, 4), precision);
  const top = representable(randomFloats((height * width * channels) / 4, 5), precision);
  const { output } = await runKernel(context, upsampleAdd({ label, ...size }, { precision }), {
    lateral,
    top,
  });
  const upsampled = upsampleNearest(top, { height: height / 2, width: width / 2, channels }, 2);
  const values = upsampled.map((value, i) => value + lateral[i]);
  const magnitudes = upsampled.map((value, i) => Math.abs(value) + Math.abs(lateral[i]));
  assertWithin(output, { values, magnitudes }, sumTolerance(0, precision), label);
});

const concatenation = [
  { scales: [8, 4, 2, 1], height: 8, width: 24, channels: [16, 16, 16, 16] },
  { scales: [2, 1], height: 6, width: 34, channels: [12, 12] },
  { scales: [1, 3, 1], height: 3, width: 9, channels: [4, 4, 4] },
  { scales: [2, 1, 4], height: 12, width: 36, channels: [8, 24, 4] },
  { scales: [8, 4, 2, 1], height: 8, width: 24, channels: [6, 6, 6, 6] },
  { scales: [1, 3, 1, 1], height: 3, width: 33, channels: [1, 7, 2, 3] },
  { scales: [2, 1], height: 2, width: 2, channels: [42, 12] },
].map(({ scales, height, width, channels }): GpuTest => {
  const label = `upsample-concat ${scales.map((scale, i) => `${channels[i]} x${scale}`).join(', ')} to ${height}x${width}`;
  return {
    name: label,
    async run({ device }) {
      const context = await openDevice({ device });
      for (const precision of await precisionsOf(context)) {
        const sources = scales.map((scale, i) =>
          zeroLanes(
            representable(
              randomFloats((height * width * stored(channels[i])) / scale ** 2, 6 + i),
              precision,
            ),
            channels[i],
          ),
        );
        const { output } = await runKernel(
          context,
          upsampleConcat({ label, height, width, channels, scales }, { precision }),
          Object.fromEntries(sources.map((values, i) => [`source${i}`, values])),
        );
        const upsampled = sources.map((values, i) => {
          const small = { height: height / scales[i], width: width / scales[i], channels: channels[i] };
          return upsampleNearest(withoutLanes(values, channels[i]), small, scales[i]);
        });
        const all = channels.reduce((sum, count) => sum + count, 0);
        assertClose(withoutLanes(output, all), concatenate(upsampled, height * width), 0, label);
        assertLanes(output, all, label);
      }
    },
  };
});

const tests: GpuTest[] = [pooling, ...windows, stem, addition, ...concatenation];

export default tests;
