/**
 * @file Deformable convolution against its definition in f64: what the taps see, and the whole operation in a graph. Odd
 * sizes, channels that fill no vec4, samples far outside and right on the border, offsets of another size.
 */

import { openDevice } from '../../src/gpu/device.ts';
import { defaultChoice } from '../../src/graph/choose-kernels.ts';
import type { Network } from '../../src/graph/graph.ts';
import type { DeformConv2dOperation } from '../../src/graph/operations/deform-conv2d.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { type DeformColumns, deformColumns } from '../../src/kernels/deform-conv2d.ts';
import { conv } from '../../src/models/layers.ts';
import { withRandomParameters } from '../helpers/networks.ts';
import { assertClose, assertEqual, randomFloats } from './assert.ts';
import { wrongLayers } from './check-graph.ts';
import { assertWithin, precisionsOf, representable, sumTolerance } from './precision.ts';
import { deformSamples } from './references/deform-conv2d.ts';
import { runKernel } from './run-kernel.ts';
import { stored, withoutLanes, zeroLanes } from './stored.ts';
import type { GpuTest } from './suite.ts';

/**
 * Offsets `[pixels, 28]`: most within some pixels, some far outside, some whole numbers, so that samples fall on pixels
 * and exactly on the border; masks from almost closed to almost open.
 */
function randomOffsets(pixels: number, seed: number): Float32Array<ArrayBuffer> {
  const near = randomFloats(pixels * 28, seed, -3, 3);
  const kinds = randomFloats(pixels * 28, seed + 1, 0, 1);
  const values = near.map((value, i) => {
    if (i % 28 >= 18) return 2 * value;
    if (kinds[i] < 0.2) return Math.round(value);
    return kinds[i] < 0.3 ? 100 * value : value;
  });
  return zeroLanes(values, 27);
}

/** Columns `[pixels, tap, channels]` as the reference has them: a picture of 3x3 samples for each pixel. */
function asPicture(columns: ArrayLike<number>, channels: number, { outHeight, outWidth }: DeformColumns) {
  const picture = new Float64Array(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const sample = Math.floor(i / channels);
    const [pixel, tap] = [Math.floor(sample / 9), sample % 9];
    const y = 3 * Math.floor(pixel / outWidth) + Math.floor(tap / 3);
    const x = 3 * (pixel % outWidth) + (tap % 3);
    picture[(y * 3 * outWidth + x) * channels + (i % channels)] = columns[i];
  }
  if (picture.length !== 9 * outHeight * outWidth * channels) throw new Error('columns of another size');
  return picture;
}

interface Sampling {
  source: [height: number, width: number, channels: number];
  stride: number;
  /** Below and right as well. */
  padding: { top: number; left: number };
  /** Size of the offsets where they are flat. */
  flat?: [height: number, width: number];
}

const samplings: Sampling[] = [
  { source: [1, 1, 3], stride: 1, padding: { top: 1, left: 1 } },
  { source: [13, 7, 18], stride: 1, padding: { top: 1, left: 1 } },
  { source: [9, 12, 64], stride: 2, padding: { top: 1, left: 1 } },
  { source: [7, 5, 6], stride: 1, padding: { top: 0, left: 2 } },
  { source: [14, 10, 20], stride: 2, padding: { top: 1, left: 1 }, flat: [14, 10] },
  { source: [9, 11, 16], stride: 2, padding: { top: 1, left: 1 }, flat: [9, 11] },
];

const columns = samplings.map(({ source: [height, width, channels], stride, padding, flat }): GpuTest => {
  const shape = `${height}x${width}x${channels}, stride ${stride}`;
  return {
    name: `samples of ${shape}${flat ? ', offsets of another size' : ''}`,
    async run({ device }) {
      const context = await openDevice({ device });
      const side = (size: number, before: number) => Math.floor((size + 2 * before - 3) / stride) + 1;
      const [outHeight, outWidth] = [side(height, padding.top), side(width, padding.left)];
      const [offsetHeight, offsetWidth] = flat ?? [outHeight, outWidth];
      const form: DeformColumns = {
        ...{ label: shape, height, width, channels, outHeight, outWidth, stride, padding },
        offsetPixels: offsetHeight * offsetWidth,
        flatOffsets: flat !== undefined,
      };
      for (const precision of await precisionsOf(context)) {
        const numbers = randomFloats(height * width * stored(channels), 71, -1, 1);
        const source = zeroLanes(representable(numbers, precision), channels);
        const offsets = representable(randomOffsets(form.offsetPixels, 72), precision);
        const { columns } = await runKernel(context, deformColumns(form, { precision }), { source, offsets });
        const expected = deformSamples(form, withoutLanes(source, channels), {
          height: offsetHeight,
          width: offsetWidth,
          values: withoutLanes(offsets, 27),
        });
        const found = asPicture(withoutLanes(columns, channels), channels, form);
        // A place is off by half a unit of the largest coordinate, along both axes; the mask's exp by 3 + 2 |x| units.
        const tolerance = sumTolerance(2 * Math.max(height, width) + 15, precision);
        assertWithin(found, expected, tolerance, `${shape}, ${precision}`);
        const lanes = columns.filter((_, i) => i % stored(channels) >= channels);
        assertClose(lanes, new Float32Array(lanes.length), 0, `${shape}: lanes that carry no data`);
      }
    },
  };
});

/** A stem, offsets of it, and a deformable convolution with all that may follow. */
function deformNetwork(rest: Pick<DeformConv2dOperation, 'stride' | 'flatOffsets'>): Network {
  const step = rest.flatOffsets ? 1 : rest.stride;
  const padding = { top: 1, left: 1, bottom: 1, right: 1 };
  return {
    input: 'image',
    operations: [
      conv('stem', 'image', 'stem.weight', [3, 18], { stride: 2, norm: 'stem.norm' }),
      {
        ...conv('offsets', 'stem', 'offsets.weight', [18, 27], { stride: step, relu: false }),
        bias: 'offsets.bias',
      },
      conv('shortcut', 'stem', 'shortcut.weight', [18, 22], { kernel: 1, stride: rest.stride, relu: false }),
      {
        ...{
          op: 'deformConv2d',
          name: 'deform',
          output: 'deform',
          input: 'stem',
          offsets: 'offsets',
          ...rest,
        },
        ...{ weight: 'deform.weight', inChannels: 18, outChannels: 22, padding, norm: 'deform.norm' },
        ...{
          residuals: [{ tensor: 'shortcut', kind: 'same' }],
          activation: 'relu',
          affine: { scale: 0.75, shift: -0.125 },
        },
      },
    ],
    outputs: ['deform'],
  };
}

const operations = [
  { stride: 1, flatOffsets: false },
  { stride: 2, flatOffsets: false },
  { stride: 2, flatOffsets: true },
].map(
  (form): GpuTest => ({
    name: `operation of stride ${form.stride}${form.flatOffsets ? ', offsets of another size' : ''}`,
    async run({ device }) {
      const context = await openDevice({ device });
      const size = { width: 38, height: 26 };
      const image = {
        ...size,
        channels: 3 as const,
        data: Uint8Array.from(randomFloats(3 * 38 * 26, 80, 0, 256)),
      };
      const graph = foldBatchNorm(withRandomParameters(deformNetwork(form), 81));
      for (const precision of await precisionsOf(context)) {
        for (const software of [true, false]) {
          const wrong = await wrongLayers(context, graph, {
            ...{ image, size, choice: defaultChoice({ software }, precision) },
            input: { channelOrder: 'rgb', mean: [110, 120, 130], std: [60, 50, 40] },
          });
          assertEqual([...wrong], [], `${precision}, tiles for ${software ? 'software' : 'GPUs'}`);
        }
      }
    },
  }),
);

const tests: GpuTest[] = [...columns, ...operations];

export default tests;
