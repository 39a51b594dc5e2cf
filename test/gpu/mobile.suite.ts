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
        for (const precision of await precisionsOf(context)) {
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
            const { output } = await runKernel(context, depthwiseConv2d(conv, { precision }), {
              source,
              weights: packDepthwiseWeights(conv, weights),
              bias: packBias(biases),
            });
            const what = `${conv.label}, ${precision}`;
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
  { pixels: 1, channels: 3, hidden: 1, slope: 0.2, shortcut: false },
  { pixels: 13 * 7, channels: 18, hidden: 5, slope: 1 / 6, shortcut: true },
  { pixels: 67 * 71, channels: 96, hidden: 24, slope: 0.2, shortcut: true },
].map(({ pixels, channels, hidden, slope, shortcut }): GpuTest => {
  return {
    name: `gate of ${pixels}x${channels}, ${hidden} hidden${shortcut ? ', with shortcut' : ''}`,
    async run({ device }) {
      const context = await openDevice({ device });
      for (const precision of await precisionsOf(context)) {
        const shape = { label: `gate ${pixels}x${channels}, ${precision}`, pixels, channels };
        const source = zeroLanes(
          representable(randomFloats(pixels * stored(channels), 61, -1, 2), precision),
          channels,
        );
        const means = new Float64Array(channels);
        const plain = withoutLanes(source, channels);
        plain.forEach((value, i) => {
          means[i % channels] += value / pixels;
        });
        const layers: GateWeights = {
          reduce: randomFloats(hidden * channels, 62),
          reduceBias: randomFloats(hidden, 63),
          expand: randomFloats(channels * hidden, 64),
          expandBias: randomFloats(channels, 65, -3, 3),
        };
        const { output: sums } = await runKernel(context, channelSums(shape, { precision }), { source });
        const slices = gateSlices(pixels);
        const added = means.map((_, channel) => {
          let sum = 0;
          for (let slice = 0; slice < slices; slice++) sum += sums[slice * stored(channels) + channel];
          return sum / pixels;
        });
        assertClose(added, means, 1e-6, `${shape.label}: means`);
        const gate = await runKernel(context, channelGate({ ...shape, hidden, slope }), {
          sums,
          ...packGate({ channels, hidden }, layers),
        });
        const expected = gatesOf(means, layers, slope);
        assertClose(withoutLanes(gate.gates, channels), expected, 1e-5, `${shape.label}: gates`);
        const { output } = await runKernel(context, scaleChannels({ ...shape, shortcut }, { precision }), {
          source,
          gates: gate.gates,
        });
        const scaled = plain.map((value, i) => value * (expected[i % channels] + (shortcut ? 1 : 0)));
        const tolerance = precision === 'f16' ? 4e-3 : 3e-5;
        assertClose(withoutLanes(output, channels), scaled, tolerance, `${shape.label}: product`);
        assertLanes(output, channels, shape.label);
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
