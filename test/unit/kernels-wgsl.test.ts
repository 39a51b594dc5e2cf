/**
 * @file The WGSL of representative kernels, as it is compiled: one file each in __snapshots__, so that a change of a
 * shader shows as a readable difference. `npx vitest -u` takes a change over.
 */

import { describe, expect, it } from 'vitest';
import { conv2d } from '../../src/kernels/conv2d.ts';
import type { Conv2d, ConvSource } from '../../src/kernels/conv2d-shape.ts';
import { type DbHead, dbHead } from '../../src/kernels/db-head.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { maxPool } from '../../src/kernels/max-pool.ts';
import { type Preprocess, preprocess } from '../../src/kernels/preprocess.ts';
import { stemPool } from '../../src/kernels/stem-pool.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import { upsampleAdd } from '../../src/kernels/upsample-add.ts';
import { upsampleConcat } from '../../src/kernels/upsample-concat.ts';
import { type Precision, wgsl } from '../../src/kernels/wgsl.ts';
import { winogradInput } from '../../src/kernels/winograd-input.ts';
import { winogradOutput } from '../../src/kernels/winograd-output.ts';

interface Size {
  height: number;
  width: number;
}

const direct: Tile = { kind: 'direct', pixels: 2, channels: 8 };
const workgroup: Tile = {
  kind: 'workgroup',
  blockPixels: 32,
  blockChannels: 32,
  blockDepth: 16,
  pixels: 4,
  channels: 4,
};

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
          padding: 1,
          ...source,
        })),
        outHeight: size.height,
        outWidth: size.width,
        outChannels: 64,
        bias: false,
        residuals: [],
        relu: false,
        ...rest,
      },
      { tile, precision },
    );
const full: Partial<Conv2d> = { bias: true, residuals: [{ kind: 'same' }], relu: true };
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
    { channels: 4, usedChannels: 3, kernel: 7, stride: 2, padding: 3 },
  ]),
  'conv2d-direct-two-sources': conv(direct, { bias: true, relu: true }, [
    {},
    { channels: 32, kernel: 1, stride: 2, padding: 0 },
  ]),
  'conv2d-direct-partial-channels': conv(direct, { outChannels: 20 }),
  'conv2d-direct-upsampled-by-4': conv(direct, { upsampledBy: 4 }),
  'conv2d-workgroup': conv(workgroup, full),
  'conv2d-workgroup-unrolled': conv({ ...workgroup, unroll: 2 }),
  'conv2d-workgroup-upsampled-by-2': conv(workgroup, { upsampledBy: 2 }),
  'conv2d-residuals-scaled': conv(direct, {
    residuals: [
      { kind: 'upsampled', scale: 2 },
      { kind: 'classes', scale: 2 },
      { kind: 'classes', scale: 8 },
    ],
  }),
  'conv2d-batch': conv(direct, { ...full, batch: 3 }),
  'conv2d-fractional-stride': conv(workgroup, { batch: 3 }, [{ fractionalStride: 2 }]),
  'max-pool': (precision, size) => maxPool({ label: 'pool', ...size, channels: 64 }, { precision }),
  'stem-pool': (precision, size) => stemPool({ label: 'stem', ...size, outChannels: 64 }, { precision }),
  'winograd-input': (precision, size) =>
    winogradInput({ label: 'tiles', ...size, channels: 64, size: 4 }, { precision }),
  'winograd-output': (precision, { height, width }) =>
    winogradOutput(
      {
        label: 'output',
        outHeight: height,
        outWidth: width,
        outChannels: 64,
        bias: true,
        residuals: [{ kind: 'same' }],
        relu: true,
        size: 2,
      },
      { precision },
    ),
  'upsample-add': (precision, size) => upsampleAdd({ label: 'add', ...size, channels: 64 }, { precision }),
  'upsample-concat': (precision, size) =>
    upsampleConcat({ label: 'concat', ...size, channels: 64, scales: [8, 4, 2, 1] }, { precision }),
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
});
