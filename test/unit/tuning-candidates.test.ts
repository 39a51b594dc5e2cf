/** @file Which tiles are tried, for which classes of layers: plain numbers, no GPU. */

import { describe, expect, test } from 'vitest';
import type { Adapter } from '../../src/graph/adapter-classes.ts';
import { chooseTile, chooseWinograd } from '../../src/graph/choose-kernels.ts';
import type { Conv2d } from '../../src/kernels/conv2d.ts';
import { gemmOf, multiplyAdds } from '../../src/kernels/convolution.ts';
import {
  type Tile,
  tileName,
  tileThreads,
  tileWorkgroupBytes,
  type WorkgroupTile,
} from '../../src/kernels/tile.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { candidates, neighbours, type TileTarget } from '../../src/tuning/candidates.ts';
import {
  groupByClass,
  layerClass,
  sizeClass,
  winogradProducts,
  withFewerRows as withFewerRowsOf,
} from '../../src/tuning/classes.ts';
import { sumTolerance } from '../../src/tuning/forms.ts';
import { tileFits } from '../../src/tuning/table.ts';

/** The least that WebGPU promises. */
const limits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
};
const gpu: TileTarget = { precision: 'f32', limits, software: false };
const software: TileTarget = { ...gpu, software: true };

function conv(channels: number, outChannels: number, side: number, rest: Partial<Conv2d> = {}): Conv2d {
  return {
    label: 'layer',
    sources: [{ height: side, width: side, channels, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
    outHeight: side,
    outWidth: side,
    outChannels,
    bias: true,
    residuals: [],
    activation: 'relu',
    ...rest,
  };
}

const shortcut = (side: number): Conv2d =>
  conv(128, 128, side, {
    sources: [
      { height: side, width: side, channels: 128, kernel: 3, stride: 1, padding: { top: 1, left: 1 } },
      { height: 2 * side, width: 2 * side, channels: 64, kernel: 1, stride: 2, padding: { top: 0, left: 0 } },
    ],
  });

const names = (tiles: readonly Tile[]) => tiles.map(tileName);

describe('candidates', () => {
  test('a GPU gets workgroup tiles first, each block once, then direct ones', () => {
    expect(names(candidates(gemmOf(conv(64, 128, 80)), gpu))).toEqual([
      '64x64x16 8x8',
      '32x64x16 4x8',
      '32x32x16 4x4',
      '128x64x16 8x8',
      '64x32x16 8x4',
      '64x128x16 8x8',
      '16x32x16 4x4',
      '32x32x32 4x4 k2',
      '32x32x32 4x4 k4',
      'direct 4x8 c8',
      'direct 4x4 c8',
      'direct 2x4 c8',
    ]);
  });

  test('a software adapter of quads gets their tiles first', () => {
    const quads = candidates(gemmOf(conv(3, 64, 80)), { ...software, quads: true });
    expect(names(quads).slice(0, 3)).toEqual(['quad 4x32', 'quad 4x16', 'quad 8x16']);
    expect(names(neighbours(gemmOf(conv(3, 64, 80)), quads[1], { ...software, quads: true }))).toContain(
      'quad 4x8',
    );
  });

  test('a software adapter gets direct tiles first', () => {
    expect(names(candidates(gemmOf(conv(64, 64, 80)), software))).toEqual([
      'direct 8x4',
      'direct 4x8',
      'direct 8x8',
      'direct 4x4',
      'direct 4x16',
      'direct 2x16',
      '64x64x16 8x8',
    ]);
  });

  test('blocks of which half or more would be for nothing are left out', () => {
    expect(names(candidates(gemmOf(conv(64, 32, 80)), gpu))).toEqual([
      '32x32x16 4x4',
      '64x32x16 8x4',
      '16x32x16 4x4',
      '32x32x32 4x4 k2',
      '32x32x32 4x4 k4',
      'direct 4x4 c8',
      'direct 2x4 c8',
    ]);
    // The image has 3 channels, which fill no block.
    expect(names(candidates(gemmOf(conv(3, 64, 80)), gpu))).toEqual([
      'direct 4x8 c8',
      'direct 4x4 c8',
      'direct 2x4 c8',
    ]);
  });

  test('what the device cannot run is left out', () => {
    const small = { ...limits, maxComputeWorkgroupStorageSize: 8192, maxComputeInvocationsPerWorkgroup: 64 };
    const tiles = candidates(gemmOf(conv(64, 128, 80)), { ...gpu, limits: small });
    expect(names(tiles)).not.toContain('64x64x16 8x8'); // 8704 bytes
    expect(names(tiles)).not.toContain('128x64x16 8x8'); // 128 threads
    expect(names(tiles)).toContain('32x64x16 4x8'); // 6656 bytes, 64 threads
    expect(
      names(candidates(gemmOf(conv(64, 128, 80)), { ...gpu, precision: 'f16', limits: small })),
    ).toContain('64x64x16 8x8');
  });
});

describe('neighbours', () => {
  const start = candidates(gemmOf(conv(64, 128, 80)), gpu)[0];
  const near = neighbours(gemmOf(conv(64, 128, 80)), start, gpu);

  test('differ in one respect only: block, depth, share of a thread, or slices of K', () => {
    expect(names(near)).toEqual([
      '64x64x16 8x8 k2',
      '64x64x16 8x8 k4',
      '64x64x16 4x8',
      '64x64x16 8x4',
      '64x64x16 4x4',
      '64x64x8 8x8',
      '32x64x16 8x8',
      '128x64x16 8x8',
      '64x32x16 8x8',
      '64x128x16 8x8',
    ]);
    // A depth of 8 is two vectors: they cannot be cut into four slices.
    const sliced = neighbours(gemmOf(conv(64, 128, 80)), { ...(start as WorkgroupTile), slices: 4 }, gpu);
    expect(names(sliced)).toContain('64x64x16 8x8');
    expect(names(sliced).filter((name) => name.startsWith('64x64x8'))).toEqual([]);
  });

  test('of direct tiles are direct', () => {
    expect(
      names(neighbours(gemmOf(conv(64, 128, 80)), { kind: 'direct', pixels: 8, channels: 8 }, software)),
    ).toEqual(['direct 8x4', 'direct 4x8', 'direct 2x8']);
    const lanes: Tile = { kind: 'direct', pixels: 4, channels: 8, lanes: 8 };
    expect(names(neighbours(gemmOf(conv(64, 128, 80)), lanes, gpu))).toEqual([
      'direct 4x4 c8',
      'direct 2x8 c8',
      'direct 4x16 c8',
      'direct 4x8 c16',
      'direct 4x8 c4',
    ]);
  });

  test('fit the limits, and lead to every tile of the menu that does', () => {
    const problem = gemmOf(conv(64, 128, 80));
    const seen = new Map<string, Tile>();
    const visit = (tile: Tile) => {
      if (seen.has(tileName(tile))) return;
      seen.set(tileName(tile), tile);
      for (const next of neighbours(problem, tile, gpu)) visit(next);
    };
    for (const tile of candidates(problem, gpu)) visit(tile);
    for (const tile of seen.values()) {
      expect(tileThreads(tile)).toBeLessThanOrEqual(256);
      expect(tileThreads(tile)).toBeGreaterThanOrEqual(32);
      expect(tileWorkgroupBytes(tile, 4)).toBeLessThanOrEqual(16384);
    }
    for (const depth of [8, 16]) {
      for (const shape of ['8x8', '4x8', '8x4', '4x4'])
        expect(seen.has(`64x64x${depth} ${shape}`)).toBe(true);
    }
    // 33,280 bytes for 128 x 64.
    expect(seen.has('128x64x32 8x8')).toBe(false);
    expect(seen.has('32x32x32 4x4')).toBe(true);
  });
});

describe('tileFits', () => {
  const tile: Tile = { kind: 'direct', pixels: 4, channels: 4 };

  test.each([
    ['65,536 workgroups in a row are one too many', conv(64, 64, 1024), tile, false],
    ['half as many are fine', conv(64, 64, 1024), { ...tile, pixels: 8 }, true],
    ['more channels per thread than there are', conv(64, 4, 8), { ...tile, channels: 8 }, false],
    [
      'a depth that hangs over the input channels',
      conv(24, 64, 8),
      { kind: 'workgroup', blockPixels: 32, blockChannels: 64, blockDepth: 16, pixels: 4, channels: 8 },
      true,
    ],
    [
      'one that hangs over them too far',
      conv(8, 64, 8),
      { kind: 'workgroup', blockPixels: 32, blockChannels: 64, blockDepth: 16, pixels: 4, channels: 8 },
      false,
    ],
  ] as [string, Conv2d, Tile, boolean][])('%s', (_, problem, candidate, fits) => {
    expect(tileFits(gemmOf(problem), candidate, 'f32', { limits })).toBe(fits);
  });
});

describe('classes of layers', () => {
  test('are named by windows, channels, class images, size and precision', () => {
    expect(layerClass(conv(64, 128, 80), 'f32')).toBe('f32 3x3 64 > 128, 2^13 px');
    expect(layerClass(shortcut(40), 'f16')).toBe('f16 3x3 128 + 1x1/2 64 > 128, 2^11 px');
    const upsampled = (scale: number) =>
      layerClass({ label: 'layer', height: 20, width: 20, channels: 64, outChannels: 128, scale }, 'f32');
    expect(upsampled(2)).toBe('f32 3x3 64 > 128 (4 classes), 2^9 px');
    expect(upsampled(8)).toBe(upsampled(4));
    const products = winogradProducts(conv(64, 128, 80), 4);
    expect(layerClass(products, 'f32')).toBe('f32 1x1 64 > 128 (36 planes), 2^9 px');
    expect(layerClass(conv(3, 64, 320), 'f32')).toBe('f32 3x3 3 > 64, 2^17 px');
  });

  test('do not depend on the epilogue', () => {
    const bare = conv(64, 64, 80, { bias: false, activation: 'none' });
    const full = conv(64, 64, 80, { residuals: [{ kind: 'same' }] });
    expect(layerClass(bare, 'f32')).toBe(layerClass(full, 'f32'));
  });

  test('of size are powers of two, the nearest', () => {
    const at = (outHeight: number, outWidth: number) => sizeClass(conv(8, 8, 1, { outHeight, outWidth }));
    expect([at(1, 1), at(64, 64), at(80, 80), at(91, 91), at(160, 160), at(184, 184)]).toEqual([
      0, 12, 13, 13, 15, 15,
    ]);
  });

  test('are grouped, the most expensive first', () => {
    const works = groupByClass([conv(64, 64, 40), conv(64, 64, 80), shortcut(40), conv(64, 64, 80)], 'f32');
    expect(works.map(({ name, layers, flops }) => ({ name, layers, flops }))).toEqual([
      { name: 'f32 3x3 64 > 64, 2^13 px', layers: 2, flops: 2 * 2 * 6400 * 576 * 64 },
      { name: 'f32 3x3 128 + 1x1/2 64 > 128, 2^11 px', layers: 1, flops: 2 * 1600 * (1152 + 64) * 128 },
      { name: 'f32 3x3 64 > 64, 2^11 px', layers: 1, flops: 2 * 1600 * 576 * 64 },
    ]);
  });
});

describe('fewer rows', () => {
  const withFewerRows = (layer: Conv2d, maxFlops: number) => withFewerRowsOf(layer, maxFlops) as Conv2d;

  test('in proportion, of the sources too', () => {
    const flops = 2 * 1600 * (1152 + 64) * 128;
    const small = withFewerRows(shortcut(40), flops / 8);
    expect([small.outHeight, small.outWidth]).toEqual([5, 40]);
    expect(small.sources.map(({ height, width }) => [height, width])).toEqual([
      [5, 40],
      [10, 80],
    ]);
  });

  test('whole blocks of an upsampled residual, at least one', () => {
    const problem = conv(64, 64, 40, { residuals: [{ kind: 'same' }, { kind: 'classes', scale: 4 }] });
    const flops = 2 * 1600 * 576 * 64;
    expect(withFewerRows(problem, flops / 4).outHeight).toBe(8);
    expect(withFewerRows(problem, 1).outHeight).toBe(4);
  });

  test("whole tiles of Winograd's filtering, at least one", () => {
    const flops = 2 * 1600 * 576 * 64;
    expect(withFewerRows(conv(64, 64, 40), (flops * 11) / 40).outHeight).toBe(8);
    expect(withFewerRows(conv(64, 64, 40), 1).outHeight).toBe(4);
  });

  test('of class images and products', () => {
    const form = { label: 'layer', height: 20, width: 20, channels: 8, outChannels: 8 };
    const rows = [2, 4, 8].map((scale) => ({ ...form, scale }));
    for (const problem of [...rows, { ...form, planes: 36 }]) {
      const flops = 2 * multiplyAdds(problem);
      expect(withFewerRowsOf(problem, flops / 4)).toEqual({ ...problem, height: 5 });
      expect(withFewerRowsOf(problem, 1)).toEqual({ ...problem, height: 1 });
      expect(withFewerRowsOf(problem, flops)).toBe(problem);
    }
  });

  test('not where there are few already', () => {
    const problem = conv(64, 64, 8);
    expect(withFewerRows(problem, 1e12)).toBe(problem);
  });
});

test('default tiles fit the limits', () => {
  const adapters = [{ software: false }, { software: true }, { software: true, quads: true }];
  for (const adapter of adapters) {
    for (const layer of [conv(64, 64, 80), conv(512, 512, 20), conv(3, 64, 80), shortcut(10)]) {
      const problem = gemmOf(layer);
      const device = { limits, ...adapter };
      expect(tileFits(problem, chooseTile(problem, adapter), 'f32', device)).toBe(true);
    }
  }
});

test('Winograd by default: always on the CPU, from 256 channels up on GPUs with workgroup memory, never in f16', () => {
  const choose = (inChannels: number, outChannels: number, adapter: Adapter, precision: Precision = 'f32') =>
    chooseWinograd({ sources: [{ inChannels }], outChannels }, adapter, precision);
  const software = { software: true };
  const amd = { software: false, adapter: { vendor: 'amd' } };
  const arm = { software: false, adapter: { vendor: 'arm' } };
  expect([64, 256, 512].map((channels) => choose(channels, channels, software))).toEqual([4, 4, 2]);
  expect([64, 128, 256, 512].map((channels) => choose(channels, channels, amd))).toEqual([
    undefined,
    undefined,
    4,
    2,
  ]);
  expect([choose(256, 64, amd), choose(64, 256, amd), choose(512, 512, arm)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([choose(512, 512, amd, 'f16'), choose(512, 512, software, 'f16')]).toEqual([undefined, undefined]);
});

test.each(['f32', 'f16'] as const)(
  'the tolerance of %s is far below one product, far above rounding',
  (precision) => {
    const { absolute, relative } = sumTolerance(conv(512, 64, 8), precision);
    expect(absolute).toBeLessThan(1 / 3);
    const unit = precision === 'f32' ? 2 ** -24 : 2 ** -11;
    expect(absolute).toBeGreaterThan(unit * Math.sqrt(4608));
    expect(relative).toBeGreaterThan(unit);
  },
);
