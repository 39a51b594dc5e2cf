/**
 * @file The kernels of mobile networks against their definitions in f64: depthwise convolution, squeeze-and-excitation
 * gate, activations. Odd sizes, and channels that fill no vec4.
 */

import { openDevice } from '../../src/gpu/device.ts';
import type { Activation } from '../../src/kernels/activation.ts';
import {
  channelGate,
  channelSums,
  type GateWeights,
  gateSlices,
  packGate,
  scaleChannels,
} from '../../src/kernels/channel-gate.ts';
import { packBias } from '../../src/kernels/conv2d.ts';
import type { Affine } from '../../src/kernels/conv2d-epilogue.ts';
import {
  type DepthwiseConv2d,
  depthwiseConv2d,
  packDepthwiseWeights,
} from '../../src/kernels/depthwise-conv2d.ts';
import { assertClose, randomFloats } from './assert.ts';
import { assertWithin, precisionsOf, representable, sumTolerance } from './precision.ts';
import { activate } from './references/activation.ts';
import { gatesOf } from './references/channel-gate.ts';
import { depthwise } from './references/depthwise.ts';
import { runKernel } from './run-kernel.ts';
import { assertLanes, stored, withoutLanes, zeroLanes } from './stored.ts';
import type { GpuTest } from './suite.ts';

const depthwiseTests = [3, 5, 7].flatMap((kernel) =>
  [1, 2].map((stride): GpuTest => {
    const side = (kernel - 1) / 2;
    // SAME_UPPER: with a stride the zero that is left over goes below and right.
    const before = stride === 2 ? side - 1 : side;
    return {
      name: `depthwise ${kernel}x${kernel}, stride ${stride}`,
      async run({ device }) {
        const context = await openDevice({ device });
        const cases: [number, number, number, boolean, Activation, Affine?][] = [
          [1, 1, 3, true, 'none'],
          [13, 7, 18, true, 'hardswish'],
          [6, 34, 64, false, 'relu'],
          [5, 11, 6, true, 'gelu'],
          [13, 7, 42, true, 'hardswish', { scale: -1.25, shift: 0.5 }],
          [5, 33, 12, false, 'none', { scale: 0.75, shift: -2 }],
        ];
        const forms = (await precisionsOf(context)).flatMap((precision) =>
          [false, true].map((quads) => ({ precision, quads })),
        );
        for (const { precision, quads } of forms) {
          for (const [height, width, channels, bias, activation, affine] of cases) {
            const conv: DepthwiseConv2d = {
              ...{ label: `depthwise ${height}x${width}x${channels}`, height, width, channels, bias },
              ...{ outHeight: Math.ceil(height / stride), outWidth: Math.ceil(width / stride) },
              ...{ activation, affine },
              ...{ kernel, stride, padding: { top: before, left: side } },
            };
            const source = zeroLanes(
              representable(randomFloats(height * width * stored(channels), 51), precision),
              channels,
            );
            const weights = representable(randomFloats(channels * kernel ** 2, 52), precision);
            const biases = randomFloats(channels, 53);
            const { output } = await runKernel(context, depthwiseConv2d(conv, { precision, quads }), {
              source,
              weights: packDepthwiseWeights(conv, weights),
              bias: packBias(biases),
            });
            const what = `${conv.label}, ${precision}${quads ? ', a channel a thread' : ''}`;
            const expected = depthwise(conv, withoutLanes(source, channels), weights, biases);
            const tolerance = sumTolerance(kernel ** 2 + 1, precision);
            assertWithin(withoutLanes(output, channels), expected, tolerance, what);
            assertLanes(output, channels, what);
          }
        }
      },
    };
  }),
);

const gates = [
  { pixels: 1, averaged: 3, channels: 3, hidden: 1, slope: 0.2, shortcut: false },
  { pixels: 13 * 7, averaged: 18, channels: 18, hidden: 5, slope: 1 / 6, shortcut: true },
  { pixels: 67 * 71, averaged: 96, channels: 96, hidden: 24, slope: 0.2, shortcut: true },
  // From the mean of what is convolved to the channels.
  { pixels: 13 * 7, averaged: 18, channels: 42, hidden: 7, slope: 0.2, shortcut: true },
  { pixels: 5 * 33, averaged: 70, channels: 6, hidden: 24, slope: 1 / 6, shortcut: false },
].map((form): GpuTest => {
  const { pixels, averaged, channels, hidden, slope, shortcut } = form;
  const label = `gate of ${pixels}x${averaged} for ${channels}, ${hidden} hidden${shortcut ? ', with shortcut' : ''}`;
  return {
    name: label,
    async run({ device }) {
      const context = await openDevice({ device });
      for (const precision of await precisionsOf(context)) {
        const random = (count: number, seed: number) =>
          zeroLanes(representable(randomFloats(pixels * stored(count), seed, -1, 2), precision), count);
        const source = random(averaged, 61);
        const means = new Float64Array(averaged);
        withoutLanes(source, averaged).forEach((value, i) => {
          means[i % averaged] += value / pixels;
        });
        const layers: GateWeights = {
          reduce: randomFloats(hidden * averaged, 62),
          reduceBias: randomFloats(hidden, 63),
          expand: randomFloats(channels * hidden, 64),
          expandBias: randomFloats(channels, 65, -3, 3),
        };
        const sumsKernel = channelSums({ label, pixels, channels: averaged }, { precision });
        const { output: sums } = await runKernel(context, sumsKernel, { source });
        const slices = gateSlices(pixels);
        const added = means.map((_, channel) => {
          let sum = 0;
          for (let slice = 0; slice < slices; slice++) sum += sums[slice * stored(averaged) + channel];
          return sum / pixels;
        });
        assertClose(added, means, 1e-6, `${label}, ${precision}: means`);
        const { factors } = await runKernel(context, channelGate({ label, ...form }), {
          sums,
          ...packGate(form, layers),
        });
        const expected = gatesOf(means, layers, slope).map((gate) => gate + (shortcut ? 1 : 0));
        assertClose(withoutLanes(factors, channels), expected, 1e-5, `${label}, ${precision}: factors`);
        assertLanes(factors, channels, `${label}, ${precision}: factors`);
        const gated = random(channels, 66);
        const product = scaleChannels({ label, pixels, channels }, { precision });
        const { output } = await runKernel(context, product, { source: gated, factors });
        const scaled = withoutLanes(gated, channels).map((value, i) => value * expected[i % channels]);
        const tolerance = precision === 'f16' ? 4e-3 : 3e-5;
        assertClose(withoutLanes(output, channels), scaled, tolerance, `${label}, ${precision}: product`);
        assertLanes(output, channels, `${label}, ${precision}`);
      }
    },
  };
});

const activations: GpuTest = {
  name: 'activations over all of their range',
  async run({ device }) {
    const context = await openDevice({ device });
    const count = 4 * 2048;
    const x = Float32Array.from({ length: count }, (_, i) => -12 + (24 * i) / count);
    for (const activation of ['none', 'relu', 'hardswish', 'gelu'] as const) {
      const conv: DepthwiseConv2d = {
        ...{ label: activation, height: 1, width: count / 4, channels: 4, kernel: 1, stride: 1 },
        ...{ outHeight: 1, outWidth: count / 4, bias: false, activation, padding: { top: 0, left: 0 } },
      };
      const { output } = await runKernel(context, depthwiseConv2d(conv, { precision: 'f32' }), {
        source: x,
        weights: Float32Array.of(1, 1, 1, 1),
      });
      const values = Float64Array.from(x);
      const expected = activate({ values, magnitudes: new Float64Array(count) }, activation).values;
      // GELU: 7.5e-8 |x| of the series, as much again of rounding.
      assertClose(output, expected, activation === 'gelu' ? 2.5e-6 : 1e-6, activation);
    }
  },
};

const tests: GpuTest[] = [...depthwiseTests, ...gates, activations];

export default tests;
