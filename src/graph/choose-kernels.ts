/** @file How a network is computed where nothing was measured: pure functions of shape and adapter. */

import { gemmOf } from '../kernels/convolution.ts';
import {
  type DirectTile,
  leastTileUse,
  type Tile,
  tileThreads,
  tileUse,
  type WorkgroupTile,
} from '../kernels/tile.ts';
import type { Gemm } from '../kernels/tile-loop.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { type Adapter, adapterClass, busyThreads } from './adapter-classes.ts';
import type { KernelChoice } from './operation.ts';
import { allFusions, type Fusion } from './passes/index.ts';

const workgroup = (
  [blockPixels, blockChannels, blockDepth]: readonly [number, number, number],
  [pixels, channels]: readonly [number, number],
  slices = 1,
): WorkgroupTile => ({
  ...{ kind: 'workgroup', blockPixels, blockChannels, blockDepth, pixels, channels },
  ...(slices > 1 ? { slices } : {}),
});

/** Tiles for GPUs, the largest first: more reuse, fewer threads. Each gives about twice as many as the one before. */
const workgroupTiles: readonly WorkgroupTile[] = [
  workgroup([64, 64, 16], [4, 8]),
  workgroup([32, 64, 16], [4, 8], 2),
  workgroup([32, 32, 16], [4, 4]),
  workgroup([32, 32, 32], [4, 4], 2),
  workgroup([32, 32, 32], [4, 4], 4),
  workgroup([16, 32, 32], [4, 4], 8),
];

/** The same for GPUs whose workgroup memory is no faster than any other, and for the stem, whose 4 channels fill no block. */
const directTiles: readonly DirectTile[] = [
  { kind: 'direct', pixels: 4, channels: 8 },
  { kind: 'direct', pixels: 4, channels: 4 },
  { kind: 'direct', pixels: 2, channels: 4 },
];

/** The tile with so many lanes of channels as there are blocks of them, at most 8. */
function withLanes({ outChannels }: Gemm, tile: DirectTile): DirectTile {
  const lanes = [8, 4, 2].find((count) => count * tile.channels <= outChannels);
  return lanes === undefined ? tile : { ...tile, lanes };
}

/** A workgroup tile is taken if its use is at least this share of the best one's. */
const shareOfBest = 0.8;

/** The workgroup tiles of which not too much is for nothing. */
function fittingTiles(gemm: Gemm): readonly WorkgroupTile[] {
  const best = Math.max(...workgroupTiles.map((tile) => tileUse(gemm, tile)));
  const least = Math.max(leastTileUse, shareOfBest * best);
  return workgroupTiles.filter((tile) => tileUse(gemm, tile) >= least);
}

/** Threads that a convolution has with a tile. */
function threadsOf({ pixels, outChannels, planes }: Gemm, tile: Tile): number {
  const [rows, columns] =
    tile.kind === 'workgroup' ? [tile.blockPixels, tile.blockChannels] : [tile.pixels, tile.channels];
  const blocks = Math.ceil(pixels / rows) * Math.ceil(outChannels / columns) * planes;
  return tile.kind === 'workgroup' ? blocks * tileThreads(tile) : blocks;
}

/** Quads of threads where there are, with as many channels as pay: of few, many would be for nothing. */
const softwareTile = ({ outChannels }: Gemm, { quads }: Adapter): Tile =>
  quads
    ? { kind: 'quad', pixels: 4, channels: outChannels % 32 === 0 ? 32 : 16 }
    : { kind: 'direct', pixels: 8, channels: 8 };

/**
 * The default tile. Software adapters get direct register tiles; GPUs the largest tile with which there are still
 * enough threads to keep their class busy, else the one with the most.
 */
export function chooseTile(gemm: Gemm, adapter: Adapter): Tile {
  if (adapter.software) return softwareTile(gemm, adapter);
  const gpu = adapterClass(adapter);
  const largestBusy = <T extends Tile>(tiles: readonly T[]): T | undefined =>
    tiles.find((tile) => threadsOf(gemm, tile) >= busyThreads(gpu)) ?? tiles.at(-1);
  const fitting = gpu.workgroupMemory ? fittingTiles(gemm) : [];
  return largestBusy(fitting) ?? withLanes(gemm, largestBusy(directTiles) ?? directTiles[0]);
}

/** From so many channels on the maps are so small that Winograd's tiles of 4x4 would be mostly border. */
const smallMapChannels = 512;

/** What the choice of Winograd's filtering depends on: a convolution with one source. */
export interface WinogradChannels {
  sources: readonly { inChannels: number }[];
  outChannels: number;
}

/** Winograd's tiles for a convolution where the filtering pays. */
export const winogradSize = ({ outChannels }: Pick<WinogradChannels, 'outChannels'>): WinogradSize =>
  outChannels >= smallMapChannels ? 2 : 4;

/**
 * Channels in and out from which the filtering is estimated at least 1.3 times as fast as the plain tiles on GPUs, by
 * machine code and whatever the image's size (`bench/machine-code.md`): with fewer its transforms are too much traffic.
 */
const gpuWinogradChannels = 256;

/**
 * The default rule for Winograd's filtering: a software adapter is bound by arithmetic, so that it pays at every size;
 * GPUs take it where channels are many, if they have the workgroup memory for which that was estimated. Its errors are
 * about eight times those of the plain sum: f32 only.
 */
export function chooseWinograd(
  { sources, outChannels }: WinogradChannels,
  adapter: Adapter,
  precision: Precision,
): WinogradSize | undefined {
  const pays =
    adapter.software ||
    (adapterClass(adapter).workgroupMemory &&
      outChannels >= gpuWinogradChannels &&
      sources.every(({ inChannels }) => inChannels >= gpuWinogradChannels));
  return pays && precision === 'f32' ? winogradSize({ outChannels }) : undefined;
}

/** Feature pixels per thread of the DB head. */
export const chooseHeadPixels = ({ software }: Adapter): number => (software ? 4 : 1);

/**
 * The fusions that pay on an adapter. A software adapter has no memory traffic to save, and takes longer to compile the
 * barriers of the fused stem than it gains; one with quads, another convolution for the sum of two levels.
 */
export const chooseFusions = ({ software, quads }: Adapter): readonly Fusion[] =>
  allFusions.filter(
    (name) => !(software && name === 'fuseStemPool') && !(quads && name === 'fuseUpsampleAdd'),
  );

/** All of these together; the rule for Winograd's filtering stands beside it, since plans do not need it. */
export const defaultChoice = (adapter: Adapter, precision: Precision): KernelChoice => ({
  precision,
  tile: (conv) => chooseTile(gemmOf(conv), adapter),
  headPixels: chooseHeadPixels(adapter),
  quads: adapter.quads,
});
