/** @file Batch norm, max-pooling, upsampling and the tail's blocks in training: forwards by definition, back by central differences. */

import { openDevice } from '../../../src/gpu/device.ts';
import { maxPool } from '../../../src/kernels/max-pool.ts';
import {
  type BatchNormMode,
  batchNormBackward,
  batchNormCombine,
  batchNormForward,
  batchNormStatistics,
  batchNormSums,
  reluBackward,
} from '../../../src/kernels/train/batch-norm.ts';
import { blocksToImage, imageToBlocks } from '../../../src/kernels/train/blocks-to-image.ts';
import { maxPoolBackward } from '../../../src/kernels/train/max-pool-backward.ts';
import { normalizePixels } from '../../../src/kernels/train/normalize-pixels.ts';
import { pixelSlices, sumSlices } from '../../../src/kernels/train/slices.ts';
import { upsampleBackward } from '../../../src/kernels/train/upsample-backward.ts';
import { assertClose, random, randomFloats } from '../assert.ts';
import { batchNorm, statisticsOf } from '../references/batch-norm.ts';
import { derivative, weighted } from '../references/derivative.ts';
import { maxPool as maxPoolReference, pool3x3 } from '../references/max-pool.ts';
import { upsampleNearest } from '../references/upsample.ts';
import { runKernel } from '../run-kernel.ts';
import type { GpuTest } from '../suite.ts';
import { assertGradient } from './assert-gradient.ts';

/** PyTorch's. */
const epsilon = 1e-5;

/** One pixel; less than a slice; several slices of unequal length. */
const normShapes = [
  { pixels: 1, channels: 4 },
  { pixels: 13, channels: 8 },
  { pixels: 133, channels: 12 },
];

const norms = (['batch', 'frozen'] as const).flatMap((mode: BatchNormMode) =>
  [true, false].map(
    (relu): GpuTest => ({
      name: `batch norm, ${mode} statistics, ${relu ? 'ReLU' : 'no ReLU'}: forwards and gradients`,
      async run({ device }) {
        const context = await openDevice({ device });
        for (const { pixels, channels } of normShapes) {
          const label = `batch norm of ${pixels}x${channels}`;
          const shape = { label, pixels, channels, epsilon, mode, relu };
          // Means far from 0, so that a variance by the difference of squares would be lost.
          const source = randomFloats(pixels * channels, 51).map((value, i) => value + 3 * (i % channels));
          const weight = randomFloats(channels, 52, 0.5, 1.5);
          const bias = randomFloats(channels, 53);
          const gradient = randomFloats(source.length, 54);
          const fixed = {
            mean: randomFloats(channels, 55).map((value, c) => value + 3 * c),
            variance: randomFloats(channels, 56, 0.2, 2),
          };
          const [x, w, b] = [source, weight, bias].map((values) => Float64Array.from(values));
          const forward = () =>
            batchNorm(x, mode === 'batch' ? statisticsOf(x, channels) : fixed, w, b, relu);

          let statistics = Float32Array.of(...fixed.mean, ...fixed.variance);
          if (mode === 'batch') {
            const sliced = await runKernel(context, batchNormStatistics(shape), { source });
            const combined = await runKernel(context, batchNormCombine(shape), { source: sliced.output });
            statistics = combined.output;
            const { mean, variance } = statisticsOf(source, channels);
            assertClose(statistics.subarray(0, channels), mean, 1e-4, `${label}, mean`);
            const unbiased = variance.map((value) => (value * pixels) / Math.max(pixels - 1, 1));
            assertClose(statistics.subarray(channels), unbiased, 1e-5, `${label}, variance`);
          }
          const affine = Float32Array.of(...weight, ...bias);
          const { output } = await runKernel(context, batchNormForward({ ...shape, residual: false }), {
            source,
            statistics,
            affine,
          });
          // Of one pixel nothing is left but rounding, over the root of epsilon.
          const tolerance = pixels === 1 ? 2e-3 : 2e-5;
          assertClose(output, forward(), tolerance, label);

          const inputs = { gradient, rectified: output, source, statistics };
          const sliced = await runKernel(context, batchNormSums(shape), inputs);
          const slices = pixelSlices(pixels);
          const sums = await runKernel(context, sumSlices({ label, slices, count: 2 * channels }), {
            source: sliced.output,
          });
          const loss = () => weighted(forward(), gradient);
          if (pixels > 1) {
            assertGradient(
              sums.output.subarray(0, channels),
              derivative(w, loss, 1e-7),
              1e-4,
              `${label}, weight`,
            );
            assertGradient(sums.output.subarray(channels), derivative(b, loss, 1e-7), 1e-4, `${label}, bias`);
          }
          const backward = await runKernel(context, batchNormBackward(shape), {
            ...inputs,
            affine,
            sums: sums.output,
          });
          const expected = derivative(x, loss, 1e-7);
          if (pixels > 1 || mode === 'frozen') {
            assertGradient(backward.output, expected, 1e-4, `${label}, source`);
          }
        }
      },
    }),
  ),
);

const shortcut: GpuTest = {
  name: 'batch norm adds the shortcut before the ReLU; the ReLU alone lets through what was above zero',
  async run({ device }) {
    const context = await openDevice({ device });
    const [pixels, channels] = [35, 8];
    const source = randomFloats(pixels * channels, 61);
    const residual = randomFloats(pixels * channels, 62);
    const mean = randomFloats(channels, 63);
    const variance = randomFloats(channels, 64, 0.2, 2);
    const weight = randomFloats(channels, 65, 0.5, 1.5);
    const bias = randomFloats(channels, 66);
    const { output } = await runKernel(
      context,
      batchNormForward({
        ...{ label: 'norm', pixels, channels, epsilon, mode: 'frozen', relu: true, residual: true },
      }),
      {
        source,
        residual,
        statistics: Float32Array.of(...mean, ...variance),
        affine: Float32Array.of(...weight, ...bias),
      },
    );
    const plain = batchNorm(source, { mean, variance }, weight, bias, false);
    const expected = plain.map((value, i) => Math.max(value + residual[i], 0));
    assertClose(output, expected, 1e-5, 'norm with shortcut');
    const gradient = randomFloats(source.length, 67);
    const through = await runKernel(context, reluBackward({ label: 'ReLU', count: source.length }), {
      gradient,
      rectified: output,
    });
    assertClose(
      through.output,
      gradient.map((value, i) => (output[i] > 0 ? value : 0)),
      0,
      'ReLU',
    );
  },
};

/** Values in random order that differ by 1 at least, so that small steps change no maximum. */
function distinct(length: number, seed: number): Float32Array<ArrayBuffer> {
  const next = random(seed);
  const values = Float32Array.from({ length }, (_, i) => i - length / 2);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}

const pooling = [
  { batch: 1, height: 2, width: 2, channels: 4 },
  { batch: 2, height: 6, width: 10, channels: 4 },
  { batch: 3, height: 4, width: 2, channels: 12 },
].map(
  (shape): GpuTest => ({
    name: `max-pool of a batch ${Object.values(shape).join('x')}: forwards and gradient`,
    async run({ device }) {
      const context = await openDevice({ device });
      const { batch, height, width, channels } = shape;
      const size = height * width * channels;
      const source = distinct(batch * size, 71);
      const x = Float64Array.from(source);
      const forward = () =>
        Float64Array.from(
          Array.from({ length: batch }, (_, image) =>
            Array.from(maxPoolReference(x.subarray(image * size, (image + 1) * size), pool3x3(shape))),
          ).flat(),
        );
      const pooled = await runKernel(
        context,
        maxPool({ label: 'pool', batch, ...pool3x3(shape) }, { precision: 'f32' }),
        {
          source,
        },
      );
      assertClose(pooled.output, forward(), 0, 'max-pool of a batch');
      const gradient = randomFloats(source.length / 4, 72);
      const { output } = await runKernel(context, maxPoolBackward({ label: 'pool', ...shape }), {
        source,
        gradient,
      });
      const expected = derivative(x, () => weighted(forward(), gradient), 0.25);
      assertGradient(output, expected, 1e-6, 'gradient of the max-pool');
    },
  }),
);

const ties: GpuTest = {
  name: 'of equal values in a window of the max-pool the first gets the gradient',
  async run({ device }) {
    const context = await openDevice({ device });
    const shape = { batch: 1, height: 4, width: 4, channels: 4 };
    const source = new Float32Array(64).fill(1);
    const gradient = Float32Array.from({ length: 16 }, (_, i) => 1 + Math.floor(i / 4));
    const { output } = await runKernel(context, maxPoolBackward({ label: 'ties', ...shape }), {
      source,
      gradient,
    });
    // The windows begin at (0, 0), (0, 1), (1, 0), (1, 1).
    const expected = new Float32Array(64);
    for (const [window, pixel] of [0, 1, 4, 5].entries()) expected.fill(window + 1, pixel * 4, pixel * 4 + 4);
    assertClose(output, expected, 0, 'ties');
  },
};

const upsampling = [
  { batch: 2, height: 3, width: 5, channels: 4, scale: 2, gradientChannels: 4, offset: 0 },
  { batch: 1, height: 1, width: 2, channels: 8, scale: 8, gradientChannels: 24, offset: 8 },
  { batch: 3, height: 5, width: 3, channels: 4, scale: 1, gradientChannels: 12, offset: 8 },
].flatMap((shape) =>
  [false, true].map(
    (accumulate): GpuTest => ({
      name: `gradient of upsampling x${shape.scale} from channel ${shape.offset}${accumulate ? ', added to another' : ''}`,
      async run({ device }) {
        const context = await openDevice({ device });
        const { batch, height, width, channels, scale, gradientChannels, offset } = shape;
        const count = batch * height * width * channels;
        const pixels = batch * height * width * scale ** 2;
        const gradient = randomFloats(pixels * gradientChannels, 81);
        const previous = randomFloats(count, 82);
        const kernel = upsampleBackward({ label: 'upsample', ...shape, accumulate });
        const { output } = await runKernel(
          context,
          kernel,
          accumulate ? { gradient, previous } : { gradient },
        );
        const x = new Float64Array(count);
        const cut = Float64Array.from({ length: pixels * channels }, (_, i) => {
          return gradient[Math.floor(i / channels) * gradientChannels + offset + (i % channels)];
        });
        const loss = () =>
          weighted(upsampleNearest(x, { height: batch * height, width, channels }, scale), cut);
        const expected = derivative(x, loss, 0.5).map((value, i) => value + (accumulate ? previous[i] : 0));
        assertGradient(output, expected, 1e-6, kernel.label);
      },
    }),
  ),
);

const blocks: GpuTest = {
  name: "blocks of the tail go to the image's pixels and back",
  async run({ device }) {
    const context = await openDevice({ device });
    const shape = { label: 'blocks', batch: 2, height: 8, width: 12 };
    const count = shape.batch * shape.height * shape.width;
    const [source0, source1] = [randomFloats(count, 91), randomFloats(count, 92)];
    const image = await runKernel(context, blocksToImage(shape, 2), { source0, source1 });
    const expected = new Float32Array(2 * count);
    let at = 0;
    for (let y = 0; y < (shape.batch * shape.height) / 4; y++) {
      for (let x = 0; x < shape.width / 4; x++) {
        for (const [dy1, dx1] of [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ]) {
          for (const [dy2, dx2] of [
            [0, 0],
            [0, 1],
            [1, 0],
            [1, 1],
          ]) {
            const pixel = (4 * y + 2 * dy1 + dy2) * shape.width + 4 * x + 2 * dx1 + dx2;
            expected[pixel] = source0[at];
            expected[count + pixel] = source1[at++];
          }
        }
      }
    }
    assertClose(image.output, expected, 0, 'blocks to image');
    const back = await runKernel(context, imageToBlocks(shape, 2), { source: image.output });
    assertClose(back.output0, source0, 0, 'image to blocks, first map');
    assertClose(back.output1, source1, 0, 'image to blocks, second map');
  },
};

const pixels: GpuTest = {
  name: 'bytes are normalised in either channel order',
  async run({ device }) {
    const context = await openDevice({ device });
    const next = random(95);
    const source = Uint8Array.from({ length: 4 * 67 }, () => Math.floor(256 * next()));
    const mean = [123.675, 116.28, 103.53] as const;
    const std = [58.395, 57, 57.375] as const;
    for (const channelOrder of ['rgb', 'bgr'] as const) {
      const kernel = normalizePixels({ label: channelOrder, pixels: 67, channelOrder, mean, std });
      const { output } = await runKernel(context, kernel, { source });
      const expected = Float64Array.from(source, (_, i) => {
        const channel = i % 4;
        if (channel === 3) return 0;
        const byte = source[i - channel + (channelOrder === 'rgb' ? channel : 2 - channel)];
        return (byte - mean[channel]) / std[channel];
      });
      assertClose(output, expected, 1e-6, channelOrder);
    }
  },
};

const tests: GpuTest[] = [...norms, shortcut, ...pooling, ties, ...upsampling, blocks, pixels];

export default tests;
