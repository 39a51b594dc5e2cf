/** @file Can a device run a tile? Pure functions of the shape and the limits. */

import type { Conv2d } from '../kernels/conv2d-shape.ts';
import { fitsWorkgroupTile } from '../kernels/conv2d-workgroup.ts';
import { type Tile, tileThreads, tileWorkgroupBytes } from '../kernels/tile.ts';
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
export function tileFits(conv: Conv2d, tile: Tile, precision: Precision, limits: TileLimits): boolean {
  const threads = tileThreads(tile);
  return (
    (tile.kind === 'direct' ? tile.channels <= conv.outChannels : fitsWorkgroupTile(conv, tile)) &&
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    threads <= limits.maxComputeWorkgroupSizeX &&
    tileWorkgroupBytes(tile, elementBytes(precision)) <= limits.maxComputeWorkgroupStorageSize &&
    workgroupsInX(conv, tile) <= limits.maxComputeWorkgroupsPerDimension
  );
}

/** The largest dimension of the dispatch. */
function workgroupsInX({ outHeight, outWidth, outChannels }: Conv2d, tile: Tile): number {
  const pixels = outHeight * outWidth;
  return tile.kind === 'direct'
    ? Math.ceil((Math.ceil(pixels / tile.pixels) * Math.ceil(outChannels / tile.channels)) / 64)
    : Math.ceil(pixels / tile.blockPixels);
}
