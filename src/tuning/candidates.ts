/**
 * @file The menu of tiles, and in which order they are worth trying: first a few that differ much, then the
 * neighbours of the best. Pure functions, tested with plain numbers.
 */

import {
  type DirectTile,
  type QuadTile,
  type Tile,
  tileThreads,
  type WorkgroupTile,
} from '../kernels/tile.ts';
import type { Gemm } from '../kernels/tile-loop.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { type TileDevice, tileFits } from './table.ts';

/** What the choice of candidates depends on. */
export interface TileTarget extends TileDevice {
  precision: Precision;
  /** True where shaders run on the CPU: there direct tiles come first. */
  software: boolean;
}

/** The tile with so many lanes of channels; 1, the default, is left out, so that equal tiles look alike. */
const direct = (pixels: number, channels: number, lanes = 1): DirectTile => ({
  ...{ kind: 'direct', pixels, channels },
  ...(lanes > 1 ? { lanes } : {}),
});

/** Direct tiles for software adapters, pixels x channels per thread, the likeliest first. */
const directMenu: readonly DirectTile[] = [
  direct(8, 4),
  direct(4, 8),
  direct(8, 8),
  direct(4, 4),
  direct(4, 16),
  direct(2, 16),
  direct(2, 8),
  direct(16, 4),
  direct(1, 16),
  direct(2, 4),
];

/** The same for quads of threads. */
const quadMenu: readonly QuadTile[] = [
  [4, 32],
  [4, 16],
  [8, 16],
  [2, 32],
  [8, 8],
  [4, 8],
].map(([pixels, channels]) => ({ kind: 'quad', pixels, channels }));

/** The same for GPUs, with lanes of channels. */
const gpuDirectMenu: readonly DirectTile[] = [8, 16, 4].flatMap((lanes) => [
  direct(4, 8, lanes),
  direct(4, 4, lanes),
  direct(2, 4, lanes),
  direct(2, 8, lanes),
  direct(8, 4, lanes),
  direct(4, 16, lanes),
  direct(1, 4, lanes),
]);

/** Blocks of a workgroup, pixels x channels, with the share of a thread that suits most GPUs. */
const blocks = [
  { block: [64, 64], thread: [8, 8] },
  { block: [32, 64], thread: [4, 8] },
  { block: [32, 32], thread: [4, 4] },
  { block: [128, 64], thread: [8, 8] },
  { block: [64, 32], thread: [8, 4] },
  { block: [64, 128], thread: [8, 8] },
  { block: [16, 32], thread: [4, 4] },
] as const;

const threadShapes = [
  [8, 8],
  [4, 8],
  [8, 4],
  [4, 4],
] as const;

/** Input channels that go through workgroup memory at a time, the likeliest first. */
const depths = [16, 8, 32] as const;

/** Slices of K: the more, the fewer outputs there are. */
const sliceCounts = [1, 2, 4, 8] as const;

/** Fewer leave most of a GPU's vector units idle, more need more registers than there are. */
const threadRange = [32, 256] as const;

/** Products that stand in the text of a shader: more of them overflow the instruction caches of small GPUs (12 KB). */
const maxProducts = 1024;

/** The tile with so many slices; 1, the default, is left out, so that equal tiles look alike. */
const workgroup = (
  [blockPixels, blockChannels]: readonly [number, number],
  blockDepth: number,
  [pixels, channels]: readonly [number, number],
  slices = 1,
): WorkgroupTile => ({
  ...{ kind: 'workgroup', blockPixels, blockChannels, blockDepth, pixels, channels },
  ...(slices > 1 ? { slices } : {}),
});

const workgroupMenu: readonly WorkgroupTile[] = blocks
  .flatMap(({ block }) =>
    depths.flatMap((depth) =>
      threadShapes.flatMap((thread) => sliceCounts.map((slices) => workgroup(block, depth, thread, slices))),
    ),
  )
  .filter((tile) => {
    const { blockDepth, pixels, channels, slices = 1 } = tile;
    const threads = tileThreads(tile);
    return (
      threads >= threadRange[0] &&
      threads <= threadRange[1] &&
      (blockDepth / 4) % slices === 0 &&
      (pixels * channels * blockDepth) / slices <= maxProducts
    );
  });

/** One tile of each block size, and two that cut K for small maps. */
const workgroupStart = [
  ...blocks.map(({ block, thread }) => workgroup(block, depths[0], thread)),
  workgroup([32, 32], 32, [4, 4], 2),
  workgroup([32, 32], 32, [4, 4], 4),
];

/** The tiles to try first. */
export function candidates(gemm: Gemm, target: TileTarget): Tile[] {
  const { precision, software, quads } = target;
  const softwareTiles = () => [
    ...(quads ? quadMenu.slice(0, 3) : []),
    ...directMenu.slice(0, quads ? 3 : 6),
    workgroupStart[0],
  ];
  const tiles: readonly Tile[] = software
    ? softwareTiles()
    : [...workgroupStart, ...gpuDirectMenu.slice(0, 3)];
  return tiles.filter((tile) => tileFits(gemm, tile, precision, target));
}

/** Tiles that differ from `tile` in one respect: the block, the depth, the share of a thread, the slices of K, the lanes. */
export function neighbours(gemm: Gemm, tile: Tile, target: TileTarget): Tile[] {
  const { precision, software } = target;
  const near: Tile[] =
    tile.kind === 'workgroup'
      ? workgroupMenu.filter((other) => differences(tile, other) === 1)
      : (software ? [...directMenu, ...quadMenu] : gpuDirectMenu).filter(
          (other) => directDifferences(tile, other) === 1,
        );
  return near.filter((other) => tileFits(gemm, other, precision, target));
}

const lanesOf = (tile: DirectTile | QuadTile): number => (tile.kind === 'direct' ? (tile.lanes ?? 1) : 1);

const directDifferences = (a: DirectTile | QuadTile, b: DirectTile | QuadTile): number =>
  Number(a.kind !== b.kind) +
  Number(a.pixels !== b.pixels) +
  Number(a.channels !== b.channels) +
  Number(lanesOf(a) !== lanesOf(b));

function differences(a: WorkgroupTile, b: WorkgroupTile): number {
  const block = a.blockPixels !== b.blockPixels || a.blockChannels !== b.blockChannels;
  const thread = a.pixels !== b.pixels || a.channels !== b.channels;
  const slices = (a.slices ?? 1) !== (b.slices ?? 1);
  return Number(block) + Number(thread) + Number(a.blockDepth !== b.blockDepth) + Number(slices);
}
