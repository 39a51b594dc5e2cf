/** @file Tile arithmetic and the choice of a tile, with plain numbers. */

import { describe, expect, it } from 'vitest';
import { chooseTile } from '../../src/graph/choose-kernels.ts';
import type { Conv2d } from '../../src/kernels/conv2d.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import {
  type DirectTile,
  type Tile,
  tileName,
  tileThreads,
  tileUse,
  tileWorkgroupBytes,
  type WorkgroupTile,
} from '../../src/kernels/tile.ts';

const direct: DirectTile = { kind: 'direct', pixels: 8, channels: 4 };
const workgroup = (
  blockPixels: number,
  blockChannels: number,
  blockDepth: number,
  pixels: number,
  channels: number,
): WorkgroupTile => ({ kind: 'workgroup', blockPixels, blockChannels, blockDepth, pixels, channels });

const tiles: readonly Tile[] = [
  direct,
  workgroup(64, 64, 16, 8, 8),
  workgroup(32, 64, 16, 4, 8),
  workgroup(32, 32, 16, 4, 4),
  workgroup(64, 128, 8, 8, 8),
  { ...workgroup(32, 32, 32, 4, 4), slices: 4 },
  { ...direct, lanes: 8 },
];

const conv = (height: number, width: number, channels: number, outChannels: number): Conv2d => ({
  label: 'conv',
  sources: [{ height, width, channels, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
  outHeight: height,
  outWidth: width,
  outChannels,
  bias: false,
  residuals: [],
  activation: 'none',
});

describe('tiles', () => {
  it('have names, threads and workgroup memory', () => {
    expect(tiles.map((tile) => [tileName(tile), tileThreads(tile), tileWorkgroupBytes(tile, 4)])).toEqual([
      ['direct 8x4', 64, 0],
      // Rows of pixels are padded to 18, 10, 20 and 9 vectors, against bank conflicts.
      ['64x64x16 8x8', 64, 16 * (72 + 64) * 4],
      ['32x64x16 4x8', 64, 16 * (40 + 64) * 4],
      ['32x32x16 4x4', 64, 16 * (40 + 32) * 4],
      ['64x128x8 8x8', 128, 8 * (80 + 128) * 4],
      // Three slices hand over a pixel of each thread.
      ['32x32x32 4x4 k4', 256, 32 * (36 + 32) * 4 + 3 * 8 * 32 * 4],
      ['direct 8x4 c8', 64, 0],
    ]);
    expect(tileWorkgroupBytes(tiles[1], 2)).toBe(16 * (72 + 64) * 2);
    expect(tileWorkgroupBytes(tiles[5], 2)).toBe(32 * (36 + 32) * 2 + 3 * 8 * 32 * 4);
  });

  it('declare in their WGSL as much workgroup memory and as many threads as they say', () => {
    for (const tile of tiles) {
      for (const [precision, bytes] of [
        ['f32', 4],
        ['f16', 2],
      ] as const) {
        const { code } = conv2d(conv(8, 8, 32, 128), { tile, precision });
        const declared = [...code.matchAll(/var<workgroup> \w+: array<vec4<f(\d+)>, (\d+)>/g)];
        const total = declared.reduce(
          (sum, [, bits, count]) => sum + (Number(count) * 4 * Number(bits)) / 8,
          0,
        );
        expect(total).toBe(tileWorkgroupBytes(tile, bytes));
        expect(code).toContain(`@workgroup_size(${tileThreads(tile)})`);
      }
    }
  });

  it('use all of their products where the channels are whole blocks, of every source', () => {
    const tile = workgroup(64, 64, 16, 8, 8);
    const two = conv(8, 8, 32, 64);
    const use = (shape: Conv2d, of: Tile = tile) => tileUse(gemmOf(shape), of);
    expect(use(conv(8, 8, 32, 128))).toBe(1);
    expect(use(conv(8, 8, 32, 96))).toBe(0.75);
    expect(use(conv(8, 8, 3, 64))).toBe(0.25);
    expect(use({ ...two, sources: [...two.sources, { ...two.sources[0], channels: 24 }] })).toBe(56 / 64);
    expect(use(conv(8, 8, 32, 24), { ...direct, lanes: 8 })).toBe(0.75);
  });
});

describe('a tile that is none', () => {
  const good = workgroup(32, 64, 16, 4, 8);
  it.each([
    ['nothing', undefined, /an object is expected, undefined was found/],
    [
      'another kind',
      { ...good, kind: 'toString' },
      /kind: 'direct', 'quad', 'workgroup' are expected, toString/,
    ],
    ['pixels that are no multiple of 4', { ...good, pixels: 2 }, /pixels: a multiple of 4 .* 2 was found/],
    ['channels that are none', { ...direct, channels: 6 }, /channels: a multiple of 4 .* 6 was found/],
    ['no pixels', { ...direct, pixels: 0 }, /pixels: a multiple of 1 .* 0 was found/],
    ['half a pixel', { ...direct, pixels: 1.5 }, /pixels: .* 1.5 was found/],
    [
      'a quad of 6 channels',
      { ...direct, kind: 'quad', channels: 6 },
      /channels: a multiple of 4 .* 6 was found/,
    ],
    ['no lanes', { ...direct, lanes: 0 }, /lanes: a multiple of 1 .* 0 was found/],
    ['a depth of 6', { ...good, blockDepth: 6 }, /blockDepth: a multiple of 4 .* 6 was found/],
    [
      'a block that is no multiple of a thread',
      { ...good, blockPixels: 36, pixels: 8 },
      /blockPixels: a multiple of 8/,
    ],
    ['channels that are no multiple', { ...good, blockChannels: 36 }, /blockChannels: a multiple of 8 .* 36/],
    ['slices that do not divide', { ...good, slices: 3 }, /slices: a divisor of 4, .* 3 was found/],
    ['too many sums', { ...direct, pixels: 64, channels: 64 }, /at most 256 outputs, not 4096/],
    ['far too large', { ...good, blockPixels: 1e9 }, /blockPixels: .* to 256 is expected/],
  ])('is refused by the kernels: %s', (_, tile, message) => {
    const shape = conv(8, 8, 32, 64);
    expect(() => conv2d(shape, { tile: tile as Tile, precision: 'f32' })).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringMatching(message) }),
    );
  });
});

describe('chooseTile', () => {
  it('takes direct tiles on software adapters', () => {
    expect(chooseTile(gemmOf(conv(160, 160, 64, 64)), { software: true }).kind).toBe('direct');
    expect(chooseTile(gemmOf(conv(160, 160, 4, 64)), { software: true }).kind).toBe('direct');
  });

  it('takes quads where subgroups are quads, of as many channels as are used', () => {
    const name = (outChannels: number, quads?: boolean) =>
      tileName(chooseTile(gemmOf(conv(160, 160, 64, outChannels)), { software: true, quads }));
    expect([name(64, true), name(24, true), name(64)]).toEqual(['quad 4x32', 'quad 4x16', 'direct 8x8']);
  });

  const on = (vendor: string) => (shape: Conv2d) =>
    tileName(chooseTile(gemmOf(shape), { software: false, adapter: { vendor } }));

  it('takes workgroup tiles on GPUs, with more threads for small maps, and a direct one for the image', () => {
    const amd = on('amd');
    expect(amd(conv(160, 160, 64, 64))).toBe('64x64x16 4x8');
    expect(amd(conv(80, 80, 128, 128))).toBe('32x64x16 4x8 k2');
    expect(amd(conv(40, 40, 256, 256))).toBe('32x32x32 4x4 k2');
    expect(amd(conv(20, 20, 512, 512))).toBe('32x32x32 4x4 k4');
    expect(amd(conv(20, 20, 256, 64))).toBe('16x32x32 4x4 k8');
    expect(amd(conv(1, 1, 512, 512))).toBe('16x32x32 4x4 k8');
    expect(amd(conv(320, 320, 4, 64))).toBe('direct 4x8 c8');
  });

  it('pads channels that are no whole blocks, as little as it can', () => {
    const amd = on('amd');
    expect(amd(conv(40, 40, 256, 27))).toBe('16x32x32 4x4 k8');
    expect(amd(conv(160, 160, 256, 24))).toBe('32x32x16 4x4');
    expect(amd(conv(160, 160, 48, 96))).toBe('32x32x16 4x4');
    expect(amd(conv(160, 160, 96, 4))).toBe('direct 2x4');
  });

  it('knows classes of adapters: smaller GPUs want fewer threads, some have no fast workgroup memory', () => {
    expect(on('apple')(conv(40, 40, 256, 256))).toBe('64x64x16 4x8');
    expect(on('arm')(conv(160, 160, 64, 64))).toBe('direct 4x8 c8');
    expect(on('arm')(conv(20, 20, 64, 64))).toBe('direct 2x4 c8');
    // Who does not say what it is gets the tiles of a middle-sized GPU.
    expect(on('')(conv(160, 160, 64, 64))).toBe('64x64x16 4x8');
    expect(tileName(chooseTile(gemmOf(conv(160, 160, 64, 64)), { software: false }))).toBe('64x64x16 4x8');
  });

  it('takes only tiles that fit, within the least limits of WebGPU', () => {
    for (const side of [1, 5, 20, 40, 160, 512]) {
      for (const [from, to] of [
        [4, 64],
        [64, 64],
        [64, 128],
        [256, 64],
        [512, 512],
        [24, 32],
      ]) {
        for (const software of [true, false]) {
          const shape = conv(side, side, from, to);
          const tile = chooseTile(gemmOf(shape), { software });
          expect(tileUse(gemmOf(shape), tile)).toBeGreaterThanOrEqual(0.5);
          expect(tileThreads(tile)).toBeLessThanOrEqual(256);
          expect(tileWorkgroupBytes(tile, 4)).toBeLessThanOrEqual(16384);
        }
      }
    }
  });
});
