/** @file How a network is computed where nothing was measured: pure functions of shape and adapter. */

import { fitsWorkgroupTile } from '../kernels/conv2d-workgroup.ts';
import { gemmOf } from '../kernels/convolution.ts';
import type { Tile, WorkgroupTile } from '../kernels/tile.ts';
import type { Gemm } from '../kernels/tile-loop.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import type { KernelChoice } from './operation.ts';
import { allFusions, type Fusion } from './passes/index.ts';

/** What is known of an adapter: whether its shaders run on the CPU. */
export interface Adapter {
  software: boolean;
}

/** Tiles for GPUs, the largest first: more reuse, fewer workgroups. 64 threads each. */
const gpuTiles: readonly WorkgroupTile[] = [
  { kind: 'workgroup', blockPixels: 64, blockChannels: 64, blockDepth: 16, pixels: 8, channels: 8 },
  { kind: 'workgroup', blockPixels: 32, blockChannels: 64, blockDepth: 16, pixels: 4, channels: 8 },
  { kind: 'workgroup', blockPixels: 32, blockChannels: 32, blockDepth: 16, pixels: 4, channels: 4 },
];

/** A GPU wants at least about this many workgroups; fewer leave parts of it idle. */
const enoughWorkgroups = 128;

/**
 * The default tile. Software adapters get direct register tiles, GPUs the largest workgroup tile that still gives
 * enough workgroups; the stem, whose 4 channels fill no block, is direct everywhere.
 */
export function chooseTile(gemm: Gemm, { software }: Adapter): Tile {
  if (software) return { kind: 'direct', pixels: 8, channels: 8 };
  const fitting = gpuTiles.filter((tile) => fitsWorkgroupTile(gemm, tile));
  const workgroups = ({ blockPixels, blockChannels }: WorkgroupTile) =>
    Math.ceil(gemm.pixels / blockPixels) * (gemm.outChannels / blockChannels) * gemm.planes;
  return (
    fitting.find((tile) => workgroups(tile) >= enoughWorkgroups) ??
    fitting.at(-1) ?? { kind: 'direct', pixels: 4, channels: 8 }
  );
}

/** From so many channels on the maps are so small that Winograd's tiles of 4x4 would be mostly border. */
const smallMapChannels = 512;

/** Winograd's tiles for a convolution where the filtering pays. */
export const winogradSize = ({ outChannels }: { outChannels: number }): WinogradSize =>
  outChannels >= smallMapChannels ? 2 : 4;

/**
 * The default rule for Winograd's filtering: a software adapter is bound by arithmetic, so that it pays at every size;
 * on GPUs it is off, since nobody has measured it there. Its errors are about eight times those of the plain sum: f32
 * only.
 */
export const chooseWinograd = (
  convolution: { outChannels: number },
  { software }: Adapter,
  precision: Precision,
): WinogradSize | undefined => (software && precision === 'f32' ? winogradSize(convolution) : undefined);

/** Feature pixels per thread of the DB head. */
export const chooseHeadPixels = ({ software }: Adapter): number => (software ? 4 : 2);

/**
 * The fusions that pay on an adapter. A software adapter has no memory traffic to save in the stem, and takes longer to
 * compile that kernel's barriers than it gains.
 */
export const chooseFusions = ({ software }: Adapter): readonly Fusion[] =>
  software ? allFusions.filter((name) => name !== 'fuseStemPool') : allFusions;

/** All of these together; the rule for Winograd's filtering stands beside it, since plans do not need it. */
export const defaultChoice = (adapter: Adapter, precision: Precision): KernelChoice => ({
  precision,
  tile: (conv) => chooseTile(gemmOf(conv), adapter),
  headPixels: chooseHeadPixels(adapter),
});
