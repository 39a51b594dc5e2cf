/**
 * @file The convolution against its definition: every tile of the menu on one shape, and every shape with a direct
 * and a workgroup tile. Sizes are odd wherever the kernel allows it, so that tiles hang over the edge.
 */

import { openDevice } from '../../src/gpu/device.ts';
import type { Conv2d, ConvSource } from '../../src/kernels/conv2d.ts';
import {
  type DirectTile,
  type QuadTile,
  type Tile,
  tileName,
  type WorkgroupTile,
} from '../../src/kernels/tile.ts';
import { checkConv2d, checkUpsampledConv2d } from './conv2d-check.ts';
import { precisionsOf } from './precision.ts';
import { stored } from './stored.ts';
import type { GpuTest } from './suite.ts';

const direct = (pixels: number, channels: number): DirectTile => ({ kind: 'direct', pixels, channels });
const quad = (pixels: number, channels: number): QuadTile => ({ kind: 'quad', pixels, channels });
const workgroup = (
  blockPixels: number,
  blockChannels: number,
  blockDepth: number,
  pixels: number,
  channels: number,
): WorkgroupTile => ({ kind: 'workgroup', blockPixels, blockChannels, blockDepth, pixels, channels });

const menu: readonly Tile[] = [
  direct(4, 4),
  direct(4, 8),
  direct(8, 4),
  direct(8, 8),
  direct(1, 16),
  // Lanes of channels: a whole workgroup of them, more than there are channels, a number that is no power of two.
  { ...direct(4, 8), lanes: 8 },
  { ...direct(2, 4), lanes: 64 },
  { ...direct(4, 4), lanes: 6 },
  // Quads of threads, where the device has them.
  quad(4, 32),
  quad(4, 16),
  quad(8, 8),
  quad(1, 4),
  workgroup(64, 64, 16, 8, 8),
  workgroup(32, 64, 16, 4, 8),
  workgroup(32, 32, 16, 4, 4),
  workgroup(32, 32, 8, 4, 4),
  workgroup(64, 128, 8, 8, 8),
  workgroup(128, 64, 16, 8, 8),
  // More threads than vectors to load: of the weights, of the pixels.
  workgroup(64, 32, 8, 4, 4),
  workgroup(16, 64, 8, 4, 4),
  // Slices of K, each with some of the vectors of the depth, or with one.
  { ...workgroup(32, 32, 16, 4, 4), slices: 2 },
  { ...workgroup(32, 64, 16, 4, 8), slices: 4 },
];

const small = workgroup(16, 32, 8, 4, 4);
/** Small as well, and K is cut. */
const sliced: WorkgroupTile = { ...small, slices: 2 };
const pair: readonly Tile[] = [direct(4, 4), quad(4, 8), small, sliced];

const window3 = { kernel: 3, stride: 1, padding: { top: 1, left: 1 } };
const point = { kernel: 1, stride: 1, padding: { top: 0, left: 0 } };

/** A convolution of which only the differences from a bare one are stated; the output's size follows. */
function conv(
  label: string,
  sources: readonly ConvSource[],
  outChannels: number,
  rest: Partial<Conv2d> = {},
): Conv2d {
  const [{ height, width, kernel, stride, padding }] = sources;
  const side = (size: number, before: number) => Math.floor((size + 2 * before - kernel) / stride) + 1;
  return {
    label,
    sources,
    outHeight: side(height, padding.top),
    outWidth: side(width, padding.left),
    outChannels,
    bias: false,
    residuals: [],
    activation: 'none',
    ...rest,
  };
}

const everyTile = conv('3x3', [{ height: 5, width: 33, channels: 16, ...window3 }], 128, {
  bias: true,
  residuals: [{ kind: 'same' }],
  activation: 'relu',
});

/** Channels of PP-OCR's detectors, odd ones among them, with all that its layers end with. */
const mobile = [
  { channels: 12, outChannels: 96 },
  { channels: 18, outChannels: 96 },
  { channels: 42, outChannels: 24 },
  { channels: 96, outChannels: 42 },
  { channels: 24, outChannels: 64 },
].flatMap(({ channels, outChannels }) =>
  [point, window3].map((window) => ({
    conv: conv(
      `${window.kernel}x${window.kernel}, ${channels} to ${outChannels} channels, affine`,
      [{ height: 5, width: 13, channels, ...window }],
      outChannels,
      { bias: true, activation: 'hardswish', affine: { scale: -1.25, shift: 0.5 } },
    ),
    // One block of all channels: the last vec4 of a workgroup is not full either.
    tiles: [direct(4, 8), direct(8, 8), direct(1, 16), workgroup(16, stored(outChannels), 4, 4, 4)],
  })),
);

/** Workgroup tiles whose blocks hang over the channels: over those that go in, those that come out, and both, of any source. */
const overhanging: readonly Tile[] = [
  { ...direct(4, 4), lanes: 8 },
  workgroup(16, 32, 16, 4, 4),
  { ...workgroup(16, 64, 32, 4, 8), slices: 4 },
];
const padded = [
  conv('3x3, 12 to 27 channels', [{ height: 5, width: 13, channels: 12, ...window3 }], 27, {
    bias: true,
    residuals: [{ kind: 'same' }],
    activation: 'relu',
  }),
  conv('1x1, 40 to 24 channels', [{ height: 5, width: 13, channels: 40, ...point }], 24),
  conv('3x3, 32 to 100 channels', [{ height: 5, width: 13, channels: 32, ...window3 }], 100),
  conv(
    '3x3 and 1x1 of stride 2, 20 and 24 to 72 channels',
    [
      { height: 5, width: 13, channels: 20, ...window3 },
      { height: 9, width: 25, channels: 24, ...point, stride: 2 },
    ],
    72,
  ),
].map((form) => ({ conv: form, tiles: overhanging }));

/** Image sizes 13x7, 5x33 and 1x1; where a residual is upsampled, multiples of its scale. */
const shapes: readonly { conv: Conv2d; tiles?: readonly Tile[] }[] = [
  { conv: conv('1x1 on one pixel', [{ height: 1, width: 1, channels: 16, ...point }], 32) },
  {
    conv: conv('3x3 on one pixel, bias', [{ height: 1, width: 1, channels: 16, ...window3 }], 32, {
      bias: true,
    }),
  },
  {
    conv: conv('3x3 stride 2', [{ height: 13, width: 7, channels: 16, ...window3, stride: 2 }], 32, {
      activation: 'relu',
    }),
  },
  { conv: conv('1x1 stride 2', [{ height: 13, width: 7, channels: 16, ...point, stride: 2 }], 32) },
  {
    conv: conv(
      '7x7 stride 2, 3 of 4 channels',
      [{ height: 13, width: 7, channels: 3, kernel: 7, stride: 2, padding: { top: 3, left: 3 } }],
      32,
      { bias: true, activation: 'relu' },
    ),
    tiles: [direct(4, 8), quad(8, 8), quad(4, 16), workgroup(16, 32, 4, 4, 4)],
  },
  {
    conv: conv(
      'two sources: 3x3, and 1x1 stride 2 of another size',
      [
        { height: 7, width: 4, channels: 16, ...window3 },
        { height: 13, width: 7, channels: 32, ...point, stride: 2 },
      ],
      32,
      { bias: true, activation: 'relu' },
    ),
  },
  {
    conv: conv('channels that fill no tile', [{ height: 13, width: 7, channels: 12, ...point }], 20, {
      bias: true,
    }),
    tiles: [direct(4, 8), direct(1, 16), quad(4, 8)],
  },
  {
    conv: conv(
      'residuals of the same size and upsampled',
      [{ height: 6, width: 34, channels: 16, ...point }],
      32,
      {
        residuals: [{ kind: 'same' }, { kind: 'upsampled', scale: 2 }],
      },
    ),
  },
  {
    conv: conv('residuals in class images', [{ height: 8, width: 24, channels: 16, ...point }], 32, {
      bias: true,
      residuals: [2, 4, 8].map((scale) => ({ kind: 'classes' as const, scale })),
    }),
  },
  {
    conv: conv('channels that fill no vec4', [{ height: 13, width: 7, channels: 6, ...window3 }], 18, {
      bias: true,
      residuals: [{ kind: 'same' }],
      activation: 'relu',
    }),
    tiles: [direct(4, 8), direct(1, 16), quad(4, 8)],
  },
  {
    conv: conv(
      'an affine behind residuals, without a bias',
      [{ height: 6, width: 34, channels: 16, ...point }],
      32,
      {
        residuals: [{ kind: 'same' }, { kind: 'upsampled', scale: 2 }],
        activation: 'relu',
        affine: { scale: 3, shift: -0.25 },
      },
    ),
  },
  {
    conv: conv('factors between bias and residuals', [{ height: 6, width: 34, channels: 12, ...point }], 42, {
      bias: true,
      scaled: true,
      residuals: [{ kind: 'upsampled', scale: 2 }],
      activation: 'relu',
    }),
    tiles: [direct(4, 8), workgroup(16, 44, 4, 4, 4)],
  },
  {
    conv: conv('factors alone', [{ height: 13, width: 7, channels: 16, ...point }], 32, { scaled: true }),
  },
  {
    conv: conv('an affine alone', [{ height: 13, width: 7, channels: 16, ...window3 }], 32, {
      affine: { scale: -0.5, shift: 2 },
    }),
  },
  {
    conv: conv(
      '2x2, padded below and right alone',
      [{ height: 7, width: 13, channels: 16, kernel: 2, stride: 1, padding: { top: 0, left: 0 } }],
      32,
      { outHeight: 7, outWidth: 13, activation: 'hardswish' },
    ),
  },
  {
    conv: conv(
      '3x3 stride 2, other zeros above than left',
      [{ height: 8, width: 14, channels: 16, kernel: 3, stride: 2, padding: { top: 0, left: 1 } }],
      32,
      { outHeight: 4, outWidth: 7, bias: true, activation: 'gelu' },
    ),
  },
];

const upsampled = [
  { scale: 2, height: 5, width: 33, channels: 16, outChannels: 64 },
  { scale: 4, height: 13, width: 7, channels: 16, outChannels: 64 },
  { scale: 8, height: 1, width: 1, channels: 16, outChannels: 64 },
  { scale: 2, height: 3, width: 5, channels: 5, outChannels: 7 },
].map(
  (shape): GpuTest => ({
    name: `upsampled by ${shape.scale}, ${shape.channels} to ${shape.outChannels} channels`,
    async run({ device }) {
      const context = await openDevice({ device });
      const conv = { label: 'upsampled', ...shape };
      const tiles = shape.channels % 4 === 0 ? pair : [direct(4, 4), quad(4, 4)];
      for (const precision of await precisionsOf(context)) {
        await checkUpsampledConv2d(context, conv, tiles, precision);
      }
    },
  }),
);

const check = (name: string, conv: Conv2d, tiles: readonly Tile[]): GpuTest => ({
  name,
  async run({ device }) {
    const context = await openDevice({ device });
    for (const precision of await precisionsOf(context)) await checkConv2d(context, conv, tiles, precision);
  },
});

const tests: GpuTest[] = [
  ...menu.map((tile) => check(`tile ${tileName(tile)}`, everyTile, [tile])),
  ...[...shapes, ...mobile, ...padded].map(({ conv, tiles = pair }) => check(conv.label, conv, tiles)),
  ...upsampled,
];

export default tests;
