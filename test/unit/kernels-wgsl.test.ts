/**
 * @file The WGSL of representative kernels, as it is compiled: one file each in __snapshots__, so that a change of a
 * shader shows as a readable difference. `npx vitest -u` takes a change over.
 */

import { describe, expect, it } from 'vitest';
import { channelGate, channelSums, scaleChannels } from '../../src/kernels/channel-gate.ts';
import type { Conv2d, ConvSource } from '../../src/kernels/conv2d.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import { type DbHead, dbHead } from '../../src/kernels/db-head.ts';
import { deformColumns } from '../../src/kernels/deform-conv2d.ts';
import { depthwiseConv2d } from '../../src/kernels/depthwise-conv2d.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { maxPool } from '../../src/kernels/max-pool.ts';
import { type Preprocess, preprocess } from '../../src/kernels/preprocess.ts';
import { stemPool } from '../../src/kernels/stem-pool.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import { upsampleAdd } from '../../src/kernels/upsample-add.ts';
import { upsampleConcat } from '../../src/kernels/upsample-concat.ts';
import { upsampledConv2d } from '../../src/kernels/upsampled-conv2d.ts';
import { type Precision, wgsl } from '../../src/kernels/wgsl.ts';
import { winogradInput } from '../../src/kernels/winograd-input.ts';
import { winogradOutput } from '../../src/kernels/winograd-output.ts';
import { winogradProducts } from '../../src/kernels/winograd-products.ts';
import { winogradWeights } from '../../src/kernels/winograd-weights.ts';
import { pool3x3 } from '../gpu/references/max-pool.ts';

interface Size {
  height: number;
  width: number;
}

const direct: Tile = { kind: 'direct', pixels: 2, channels: 8 };
const quad: Tile = { kind: 'quad', pixels: 2, channels: 8 };
const workgroup: Tile = {
  kind: 'workgroup',
  blockPixels: 32,
  blockChannels: 32,
  blockDepth: 16,
  pixels: 4,
  channels: 4,
};

const columns = (flatOffsets: boolean) => (precision: Precision, size: Size) =>
  deformColumns(
    {
      ...{ label: 'deform', ...size, channels: 18, outHeight: size.height / 2, outWidth: size.width / 2 },
      ...{ stride: 2, padding: { top: 1, left: 1 }, flatOffsets },
      offsetPixels: (size.height * size.width) / (flatOffsets ? 1 : 4),
    },
    { precision },
  );

/** A convolution of 64 to 64 channels of which only what differs is stated. */
const conv =
  (tile: Tile, rest: Partial<Conv2d> = {}, sources: Partial<ConvSource>[] = [{}]) =>
  (precision: Precision, size: Size) =>
    conv2d(
      {
        label: 'conv',
        sources: sources.map((source) => ({
          ...size,
          channels: 64,
          kernel: 3,
          stride: 1,
          padding: { top: 1, left: 1 },
          ...source,
        })),
        outHeight: size.height,
        outWidth: size.width,
        outChannels: 64,
        bias: false,
        residuals: [],
        activation: 'none',
        ...rest,
      },
      { tile, precision },
    );
const full: Partial<Conv2d> = { bias: true, residuals: [{ kind: 'same' }], activation: 'relu' };
const upsampled = (tile: Tile, scale: number) => (precision: Precision, size: Size) =>
  upsampledConv2d({ label: 'classes', ...size, channels: 64, outChannels: 64, scale }, { tile, precision });
const pixels = (rest: Pick<Preprocess, 'source' | 'channelOrder'>) => (precision: Precision, size: Size) =>
  preprocess(
    { label: 'preprocess', ...size, mean: [122.5, 116, 104.25], std: [255, 255, 255], ...rest },
    { precision },
  );
const tail = (rest: Pick<DbHead, 'outputs' | 'merged' | 'mask'>) => (precision: Precision, size: Size) =>
  dbHead({ ...size, label: 'head', channels: 64, k: 50, ...rest }, { precision, pixels: 2 });

const kernels: Record<string, (precision: Precision, size: Size) => Kernel> = {
  'conv2d-direct': conv(direct, full),
  'conv2d-direct-7x7-rgb': conv(direct, {}, [
    { channels: 3, kernel: 7, stride: 2, padding: { top: 3, left: 3 } },
  ]),
  'conv2d-direct-two-sources': conv(direct, { bias: true, activation: 'relu' }, [
    {},
    { channels: 32, kernel: 1, stride: 2, padding: { top: 0, left: 0 } },
  ]),
  'conv2d-direct-partial-channels': conv(direct, { outChannels: 20 }),
  'upsampled-conv2d-direct': upsampled(direct, 4),
  'conv2d-quad': conv(quad, full),
  'conv2d-quad-two-sources': conv(quad, { outChannels: 20 }, [
    {},
    { channels: 32, kernel: 1, stride: 2, padding: { top: 0, left: 0 } },
  ]),
  'conv2d-workgroup': conv(workgroup, full),
  'conv2d-workgroup-sliced': conv({ ...workgroup, slices: 2 }),
  'upsampled-conv2d-workgroup': upsampled(workgroup, 2),
  'winograd-products': (precision, size) =>
    winogradProducts(
      { label: 'products', planes: 36, ...size, channels: 64, outChannels: 64 },
      { tile: direct, precision },
    ),
  'conv2d-activations': conv(direct, { outChannels: 18, activation: 'gelu' }, [
    { channels: 6, kernel: 2, padding: { top: 0, left: 0 } },
  ]),
  'conv2d-affine': conv(direct, {
    outChannels: 18,
    bias: true,
    activation: 'hardswish',
    affine: { scale: 0.5, shift: 2 },
  }),
  'conv2d-factors': conv(direct, { bias: true, scaled: true, residuals: [{ kind: 'upsampled', scale: 2 }] }),
  'conv2d-residuals-scaled': conv(direct, {
    residuals: [
      { kind: 'upsampled', scale: 2 },
      { kind: 'classes', scale: 2 },
      { kind: 'classes', scale: 8 },
    ],
  }),
  'conv2d-batch': conv(direct, { ...full, batch: 3 }),
  'conv2d-fractional-stride': conv(workgroup, { batch: 3 }, [{ fractionalStride: 2 }]),
  'depthwise-conv2d': (precision, { height, width }) =>
    depthwiseConv2d(
      {
        ...{ label: 'depthwise', height, width, outHeight: height / 2, outWidth: width / 2, channels: 18 },
        ...{ kernel: 5, stride: 2, padding: { top: 1, left: 1 }, bias: true, activation: 'hardswish' },
      },
      { precision },
    ),
  'deform-columns': columns(false),
  'deform-columns-flat-offsets': columns(true),
  'channel-sums': (precision, { height, width }) =>
    channelSums({ label: 'sums', pixels: height * width, channels: 18 }, { precision }),
  'scale-channels': (precision, { height, width }) =>
    scaleChannels({ label: 'scale', pixels: height * width, channels: 18 }, { precision }),
  'max-pool': (precision, size) =>
    maxPool({ label: 'pool', ...pool3x3({ ...size, channels: 64 }) }, { precision }),
  'stem-pool': (precision, size) => stemPool({ label: 'stem', ...size, outChannels: 64 }, { precision }),
  'winograd-input': (precision, size) =>
    winogradInput({ label: 'tiles', ...size, channels: 64, size: 4 }, { precision }),
  'winograd-weights': (precision, { height: channels }) =>
    winogradWeights({ label: 'weights', channels, outChannels: 64, size: 4 }, { precision }),
  'winograd-output': (precision, { height, width }) =>
    winogradOutput(
      {
        label: 'output',
        outHeight: height,
        outWidth: width,
        outChannels: 64,
        bias: true,
        residuals: [{ kind: 'same' }],
        activation: 'relu',
        size: 2,
      },
      { precision },
    ),
  'upsample-add': (precision, size) => upsampleAdd({ label: 'add', ...size, channels: 64 }, { precision }),
  'upsample-concat-unaligned': (precision, size) =>
    upsampleConcat({ label: 'concat', ...size, channels: [6, 18], scales: [2, 1] }, { precision }),
  'upsample-concat': (precision, size) =>
    upsampleConcat(
      { label: 'concat', ...size, channels: [64, 64, 64, 64], scales: [8, 4, 2, 1] },
      { precision },
    ),
  'preprocess-rgb-bytes': pixels({ source: 3, channelOrder: 'rgb' }),
  'preprocess-grey-bytes': pixels({ source: 1, channelOrder: 'bgr' }),
  'preprocess-rgba-bytes': pixels({ source: 4, channelOrder: 'rgb' }),
  'preprocess-texture': pixels({ source: 'texture', channelOrder: 'bgr' }),
  'db-head-p': tail({ outputs: 'P', merged: false, mask: false }),
  'db-head-ptb-mask': tail({ outputs: 'PTB', merged: true, mask: true }),
};

describe('WGSL', () => {
  for (const [name, kernel] of Object.entries(kernels)) {
    for (const precision of ['f32', 'f16'] as const) {
      it(`${name}, ${precision}`, async () => {
        const { code } = kernel(precision, { height: 16, width: 24 });
        expect(code.startsWith('enable f16;\n')).toBe(precision === 'f16');
        await expect(code).toMatchFileSnapshot(`__snapshots__/${name}.${precision}.wgsl`);
      });
    }
  }

  it('channel-gate, in f32 whatever the precision', async () => {
    const gate = {
      label: 'gate',
      pixels: 384,
      averaged: 12,
      hidden: 5,
      channels: 18,
      slope: 0.2,
      shortcut: true,
    };
    await expect(channelGate(gate).code).toMatchFileSnapshot('__snapshots__/channel-gate.wgsl');
    // Most gates of a network share a pipeline.
    const other = { ...gate, pixels: 10_000, averaged: 96, hidden: 24, channels: 96, slope: 0.25 };
    expect(channelGate({ ...other, shortcut: false }).code).toBe(channelGate(gate).code);
  });

  it('is the same for every size of the image', () => {
    for (const kernel of Object.values(kernels)) {
      const [small, large] = [8, 512].map((side) => kernel('f32', { height: side, width: 2 * side }));
      expect(small.code).toBe(large.code);
      expect(small.shape).not.toEqual(large.shape);
    }
  });

  it('drops what a condition leaves out, without a blank line', () => {
    const text = (first: boolean, second: boolean) => wgsl`
before
#if ${first}
one
#elif ${second}
two
#else
three
#endif

after ${7}
`;
    expect(text(true, true)).toBe('before\none\nafter 7\n');
    expect(text(false, true)).toBe('before\ntwo\nafter 7\n');
    expect(text(false, false)).toBe('before\nthree\nafter 7\n');
  });

  it('unrolls loops, one in another, with conditions around and within them', () => {
    const text = (rows: number, columns: number, declared: boolean) => wgsl`
#for r in 0..${rows}
#if ${declared}
var row{r} = 0;
#endif
#for c in 1..${columns}
sum{r}_{c} += row{r} * {c}u;
#end
#end
`;
    expect(text(2, 3, true)).toBe(
      'var row0 = 0;\nsum0_1 += row0 * 1u;\nsum0_2 += row0 * 2u;\n' +
        'var row1 = 0;\nsum1_1 += row1 * 1u;\nsum1_2 += row1 * 2u;\n',
    );
    expect(text(1, 1, false)).toBe('');
    expect(text(0, 3, true)).toBe('');
  });

  it('indents what is put in by the brackets around it', () => {
    const inner = wgsl`
      if (b) { c(); // ) { not code
        } else {
          d(
            e,
          );
      }`;
    expect(wgsl`fn main() {
${inner}
f();
}`).toBe(
      'fn main() {\n  if (b) { c(); // ) { not code\n  } else {\n    d(\n      e,\n    );\n  }\n  f();\n}\n',
    );
  });
});
