/** @file Gradients of the convolution against central differences of its definition: weights, input, bias. */

import { openDevice } from '../../../src/gpu/device.ts';
import { conv2d } from '../../../src/kernels/conv2d.ts';
import type { Tile } from '../../../src/kernels/tile.ts';
import { conv2dWeightGradient } from '../../../src/kernels/train/conv2d-weight-gradient.ts';
import { repeatVector } from '../../../src/kernels/train/repeat-vector.ts';
import { pixelSums, sumSlices } from '../../../src/kernels/train/slices.ts';
import { transposeWeights } from '../../../src/kernels/train/transpose-weights.ts';
import { assertClose, randomFloats } from '../assert.ts';
import { convolve } from '../references/convolution.ts';
import { derivative, weighted } from '../references/derivative.ts';
import { runKernel } from '../run-kernel.ts';
import type { GpuTest } from '../suite.ts';
import { assertGradient } from './assert-gradient.ts';

interface Shape {
  batch: number;
  height: number;
  width: number;
  channels: number;
  outChannels: number;
  kernel: number;
  stride: 1 | 2;
}

const nameOf = ({ batch, height, width, channels, outChannels, kernel, stride }: Shape) =>
  `${batch}x${height}x${width}x${channels} to ${outChannels}, ${kernel}x${kernel} stride ${stride}`;

/** Odd sizes where the stride allows it; one image and several; single pixels; every block of the weights' kernel. */
const shapes: readonly Shape[] = [
  { batch: 1, height: 1, width: 1, channels: 8, outChannels: 8, kernel: 3, stride: 1 },
  { batch: 2, height: 5, width: 3, channels: 8, outChannels: 16, kernel: 3, stride: 1 },
  { batch: 3, height: 3, width: 7, channels: 12, outChannels: 8, kernel: 3, stride: 1 },
  { batch: 2, height: 4, width: 6, channels: 8, outChannels: 12, kernel: 3, stride: 2 },
  { batch: 2, height: 6, width: 2, channels: 16, outChannels: 8, kernel: 1, stride: 2 },
  { batch: 1, height: 3, width: 5, channels: 16, outChannels: 4, kernel: 1, stride: 1 },
  { batch: 2, height: 8, width: 6, channels: 4, outChannels: 16, kernel: 7, stride: 2 },
];

const tiles: readonly Tile[] = [
  { kind: 'direct', pixels: 4, channels: 4 },
  { kind: 'quad', pixels: 2, channels: 8 },
  { kind: 'workgroup', blockPixels: 16, blockChannels: 8, blockDepth: 8, pixels: 4, channels: 4 },
  { kind: 'workgroup', blockPixels: 16, blockChannels: 8, blockDepth: 8, pixels: 4, channels: 4, slices: 2 },
];

/** The convolution `[batch, height, width, channels]` with weights `[tap, in, out]`, in f64. */
function forward(shape: Shape, source: Float64Array, weights: Float64Array): Float64Array {
  const { batch, height, width, channels, outChannels, kernel, stride } = shape;
  const area = kernel * kernel;
  // From the kernels' order to the reference's [out, in, kernel, kernel].
  const plain = new Float64Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const out = i % outChannels;
    const channel = Math.floor(i / outChannels) % channels;
    const tap = Math.floor(i / (outChannels * channels));
    plain[(out * channels + channel) * area + tap] = weights[i];
  }
  const size = height * width * channels;
  const images = Array.from({ length: batch }, (_, image) =>
    Array.from(
      convolve({
        sources: [
          {
            values: source.subarray(image * size, (image + 1) * size),
            height,
            width,
            channels,
            inChannels: channels,
            weights: plain,
            kernel,
            stride,
            padding: { top: (kernel - 1) / 2, left: (kernel - 1) / 2 },
          },
        ],
        outHeight: height / stride,
        outWidth: width / stride,
        outChannels,
      }).values,
    ),
  );
  return Float64Array.from(images.flat());
}

const gradients = shapes.map(
  (shape): GpuTest => ({
    name: `gradients of a convolution ${nameOf(shape)}`,
    async run({ device }) {
      const context = await openDevice({ device });
      const { batch, height, width, channels, outChannels, kernel, stride } = shape;
      const taps = kernel * kernel;
      const padding = (kernel - 1) / 2;
      const outHeight = height / stride;
      const outWidth = width / stride;
      const source = randomFloats(batch * height * width * channels, 21);
      const weights = randomFloats(taps * channels * outChannels, 22);
      const gradient = randomFloats(batch * outHeight * outWidth * outChannels, 23);
      const [x, w] = [Float64Array.from(source), Float64Array.from(weights)];
      // Linear in both: any step is exact but for rounding.
      const loss = () => weighted(forward(shape, x, w), gradient);

      const byWeights = derivative(w, loss, 0.5);
      const label = `gradient of the weights, ${nameOf(shape)}`;
      for (const slices of [1, 2, batch * outHeight]) {
        const sliced = await runKernel(
          context,
          conv2dWeightGradient({ label, ...shape, padding, outHeight, outWidth, slices }),
          { source, gradient },
        );
        const { output } = await runKernel(context, sumSlices({ label, slices, count: weights.length }), {
          source: sliced.output,
        });
        assertGradient(output, byWeights, 1e-6, `${label}, ${slices} slices`);
      }

      // The image's gradient is never asked for.
      if (channels === 4) return;
      const byInput = derivative(x, loss, 0.5);
      const transposed = await runKernel(
        context,
        transposeWeights({ label: 'transpose', taps, channels, outChannels }),
        { source: weights },
      );
      const previous = randomFloats(source.length, 24);
      const expected = byInput.map((value, i) => value + previous[i]);
      for (const tile of tiles) {
        if (tile.kind === 'quad' && !context.quads) continue;
        if (tile.kind === 'workgroup' && (channels % 8 !== 0 || outChannels % 8 !== 0)) continue;
        const backward = conv2d(
          {
            label: 'gradient of the input',
            sources: [
              {
                height: outHeight,
                width: outWidth,
                channels: outChannels,
                kernel,
                stride: 1,
                padding: { top: padding, left: padding },
                fractionalStride: stride,
              },
            ],
            outHeight: height,
            outWidth: width,
            outChannels: channels,
            bias: false,
            residuals: [{ kind: 'same' }],
            activation: 'none',
            batch,
          },
          { tile, precision: 'f32' },
        );
        const { output } = await runKernel(context, backward, {
          source0: gradient,
          weights: transposed.output,
          residual0: previous,
        });
        assertGradient(output, expected, 1e-6, `${backward.label}, ${nameOf(shape)}`);
      }
    },
  }),
);

const batches: GpuTest = {
  name: 'a batch is convolved image by image, by every kind of tile',
  async run({ device }) {
    const context = await openDevice({ device });
    const shape: Shape = { batch: 3, height: 5, width: 7, channels: 8, outChannels: 8, kernel: 3, stride: 1 };
    const { batch, height, width, channels, outChannels, kernel, stride } = shape;
    const source = randomFloats(batch * height * width * channels, 31);
    const weights = randomFloats(kernel ** 2 * channels * outChannels, 32);
    const bias = randomFloats(outChannels, 33);
    const expected = forward(shape, Float64Array.from(source), Float64Array.from(weights)).map(
      (value, i) => value + bias[i % outChannels],
    );
    for (const tile of tiles) {
      if (tile.kind === 'quad' && !context.quads) continue;
      const conv = conv2d(
        {
          label: 'batch',
          sources: [{ height, width, channels, kernel, stride, padding: { top: 1, left: 1 } }],
          outHeight: height,
          outWidth: width,
          outChannels,
          bias: true,
          residuals: [],
          activation: 'none',
          batch,
        },
        { tile, precision: 'f32' },
      );
      const { output } = await runKernel(context, conv, { source0: source, weights, bias });
      assertGradient(output, expected, 1e-6, conv.label);
    }
  },
};

const biases: GpuTest = {
  name: 'a bias is repeated for every tap, and its gradient is the sum over all pixels',
  async run({ device }) {
    const context = await openDevice({ device });
    for (const [channels, pixels] of [
      [1, 133],
      [12, 35],
    ]) {
      const label = `${channels} channels, ${pixels} pixels`;
      const source = randomFloats(pixels * channels, 41);
      const { kernel, slices } = pixelSums({ label, count: source.length, channels });
      const sliced = await runKernel(context, kernel, { source });
      const { output } = await runKernel(context, sumSlices({ label, slices, count: channels }), {
        source: sliced.output,
      });
      const expected = new Float64Array(channels);
      for (let i = 0; i < source.length; i++) expected[i % channels] += source[i];
      assertClose(output, expected, 1e-5, label);
      const bias = randomFloats(channels, 42);
      const repeated = await runKernel(context, repeatVector({ label, count: channels, times: 4 }), {
        source: bias,
      });
      assertClose(repeated.output, [...bias, ...bias, ...bias, ...bias], 0, label);
    }
  },
};

const tests: GpuTest[] = [...gradients, batches, biases];

export default tests;
