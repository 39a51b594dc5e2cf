/** @file Can a device run a tile? Pure functions of the shape and the limits. */

import { fitsWorkgroupTile } from '../kernels/conv2d-workgroup.ts';
import { type Tile, tileThreads, tileWorkgroupBytes } from '../kernels/tile.ts';
import type { Gemm } from '../kernels/tile-loop.ts';
import { elementBytes, type Precision } from '../kernels/wgsl.ts';

/** The limits of a device that bound a tile. */
export type TileLimits = Pick<
  GPUSupportedLimits,
  | 'maxComputeInvocationsPerWorkgroup'
  | 'maxComputeWorkgroupSizeX'
  | 'maxComputeWorkgroupStorageSize'
  | 'maxComputeWorkgroupsPerDimension'
>;

/** True where the tile suits the channels and the device can run it. */
export function tileFits(gemm: Gemm, tile: Tile, precision: Precision, limits: TileLimits): boolean {
  const threads = tileThreads(tile);
  return (
    (tile.kind === 'direct' ? tile.channels <= gemm.outChannels : fitsWorkgroupTile(gemm, tile)) &&
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    threads <= limits.maxComputeWorkgroupSizeX &&
    tileWorkgroupBytes(tile, elementBytes(precision)) <= limits.maxComputeWorkgroupStorageSize &&
    workgroupsInX(gemm, tile) <= limits.maxComputeWorkgroupsPerDimension
  );
}

/** The largest dimension of the dispatch. */
function workgroupsInX({ pixels, outChannels }: Gemm, tile: Tile): number {
  return tile.kind === 'direct'
    ? Math.ceil((Math.ceil(pixels / tile.pixels) * Math.ceil(outChannels / tile.channels)) / 64)
    : Math.ceil(pixels / tile.blockPixels);
}
