/** @file How a layer is computed where nothing was measured: a pure function of shape and adapter. */

import type { Conv2d } from '../kernels/conv2d.ts';
import { fitsWorkgroupTile } from '../kernels/conv2d-workgroup.ts';
import { gemmOf } from '../kernels/convolution.ts';
import type { Tile, WorkgroupTile } from '../kernels/tile.ts';
import type { Gemm } from '../kernels/tile-loop.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { defaultWinogradSize } from './passes/winograd.ts';
import type { KernelChoice } from './plan.ts';

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
export function chooseTile(gemm: Gemm, { software }: { software: boolean }): Tile {
  if (software) return { kind: 'direct', pixels: 8, channels: 8 };
  const fitting = gpuTiles.filter((tile) => fitsWorkgroupTile(gemm, tile));
  const workgroups = ({ blockPixels, blockChannels }: WorkgroupTile) =>
    Math.ceil(gemm.pixels / blockPixels) * (gemm.outChannels / blockChannels) * gemm.planes;
  return (
    fitting.find((tile) => workgroups(tile) >= enoughWorkgroups) ??
    fitting.at(-1) ?? { kind: 'direct', pixels: 4, channels: 8 }
  );
}

/** Feature pixels per thread of the DB head. */
export const chooseHeadPixels = ({ software }: { software: boolean }): number => (software ? 4 : 2);

/**
 * Winograd's size for a 3x3 convolution of stride 1, or undefined for the plain form. A software adapter is bound by
 * arithmetic, so it pays there at every size; rounding errors grow too much for f16.
 */
export const chooseWinograd = (
  conv: Pick<Conv2d, 'outChannels'>,
  { software }: { software: boolean },
  precision: Precision,
): WinogradSize | undefined => (software && precision === 'f32' ? defaultWinogradSize(conv) : undefined);

/** All of these together. */
export const defaultChoice = (adapter: { software: boolean }, precision: Precision): KernelChoice => ({
  precision,
  tile: (conv) => chooseTile(gemmOf(conv), adapter),
  winograd: (conv) => chooseWinograd(conv, adapter, precision),
  headPixels: chooseHeadPixels(adapter),
});
