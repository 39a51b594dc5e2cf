/** @file The tuning table: plain JSON that says which tile was the fastest for which class of layers. */

import type { Conv2dOperation } from '../graph/operations/conv2d.ts';
import { type Convolution, gemmOf } from '../kernels/convolution.ts';
import {
  directThreads,
  isTile,
  leastTileUse,
  type Tile,
  tileThreads,
  tileUse,
  tileWorkgroupBytes,
} from '../kernels/tile.ts';
import type { Gemm } from '../kernels/tile-loop.ts';
import { elementBytes, type Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { classOf, conv2dFamily, layerClass, sizeClass } from './classes.ts';

/** What was measured for a class: the tile, milliseconds of one layer, and 1e9 floating-point operations a second. */
export interface TuningEntry {
  tile: Tile;
  ms: number;
  gflops: number;
  /**
   * The faster of Winograd's sizes and its milliseconds, transforms included; absent where none was measured. Its
   * products are a class of their own.
   */
  winograd?: { size: WinogradSize; ms: number };
}

/** Entries by class, see `layerClass`. */
export type TuningEntries = Readonly<Record<string, TuningEntry>>;

export interface TuningTable {
  /** Version of this format. */
  version: 3;
  /** What the times hold for: adapter, runtime, library, precision. See `tuningKey`. */
  key: string;
  entries: TuningEntries;
}

/** The table's format version; grows when old tables cannot be read any more. */
export const tableVersion = 3;

/**
 * The tile for a convolution, if one was measured that fits the device: for its own class, or for the class of
 * twice or half as many pixels, where the same tile is still a better guess than any rule.
 */
export function findTile(
  entries: TuningEntries,
  conv: Convolution,
  precision: Precision,
  device: TileDevice,
): Tile | undefined {
  return nearEntries(entries, conv, precision).find(({ tile }) =>
    tileFits(gemmOf(conv), tile, precision, device),
  )?.tile;
}

/** Of more than 65,535 x 65,535 pixels there are none. */
const largestSize = 32;

/**
 * Whether Winograd's filtering was the faster way to compute a convolution, and of which size; `direct` where it was
 * not, undefined where nothing was measured. Weights are on the device in one form, whatever the size: the largest
 * size that was measured decides.
 */
export function findWinograd(
  entries: TuningEntries,
  { sources, outChannels }: Pick<Conv2dOperation, 'sources' | 'outChannels'>,
  precision: Precision,
): WinogradSize | 'direct' | undefined {
  const windows = sources.map(({ kernel, stride, inChannels: channels }) => ({ kernel, stride, channels }));
  const family = conv2dFamily({ sources: windows, outChannels }, precision);
  for (let size = largestSize; size >= 0; size--) {
    const entry = entries[classOf(family, size)];
    if (entry?.winograd) return isWinogradFaster(entry) ? entry.winograd.size : 'direct';
  }
  return undefined;
}

export const isWinogradFaster = <T extends Pick<TuningEntry, 'ms' | 'winograd'>>(
  entry: T,
): entry is T & Required<Pick<TuningEntry, 'winograd'>> =>
  (entry.winograd?.ms ?? Number.POSITIVE_INFINITY) < entry.ms;

/** The entries of a convolution's class and of its neighbours, the nearest first. */
function nearEntries<T>(entries: Readonly<Record<string, T>>, conv: Convolution, precision: Precision): T[] {
  const size = sizeClass(conv);
  return [size, size + 1, size - 1].flatMap((near) => entries[layerClass(conv, precision, near)] ?? []);
}

/**
 * A table from storage, where anything may stand. Undefined for what is no table or has another version or key;
 * entries that are none are left out.
 */
export function readTable(value: unknown, key: string): TuningTable | undefined {
  if (!isObject(value) || value.version !== tableVersion || value.key !== key) return undefined;
  if (!isObject(value.entries)) return undefined;
  const entries: [string, TuningEntry][] = [];
  for (const [name, entry] of Object.entries(value.entries)) {
    if (!isObject(entry) || !isPositive(entry.ms) || !isPositive(entry.gflops)) continue;
    const { tile } = entry;
    const winograd = readWinograd(entry.winograd);
    if (isTile(tile) && winograd)
      entries.push([name, { tile, ms: entry.ms, gflops: entry.gflops, ...winograd }]);
  }
  return { version: tableVersion, key, entries: Object.fromEntries(entries) };
}

/** What an entry says of Winograd, which may be nothing; undefined if it is something else. */
function readWinograd(value: unknown): Pick<TuningEntry, 'winograd'> | undefined {
  if (value === undefined) return {};
  if (!isObject(value) || (value.size !== 2 && value.size !== 4) || !isPositive(value.ms)) return undefined;
  return { winograd: { size: value.size, ms: value.ms } };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPositive = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0;

/** The limits of a device that bound a tile. */
export type TileLimits = Pick<
  GPUSupportedLimits,
  | 'maxComputeInvocationsPerWorkgroup'
  | 'maxComputeWorkgroupSizeX'
  | 'maxComputeWorkgroupStorageSize'
  | 'maxComputeWorkgroupsPerDimension'
>;

/** What a tile may ask of a device. */
export interface TileDevice {
  limits: TileLimits;
  /** True where a workgroup of four threads is a subgroup, as tiles of quads are made for. */
  quads?: boolean;
}

/** True where the tile suits the channels and the device can run it. */
export function tileFits(
  gemm: Gemm,
  tile: Tile,
  precision: Precision,
  { limits, quads = false }: TileDevice,
): boolean {
  const threads = tileThreads(tile);
  return (
    (quads || tile.kind !== 'quad') &&
    tile.channels <= gemm.outChannels &&
    tileUse(gemm, tile) >= leastTileUse &&
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    threads <= limits.maxComputeWorkgroupSizeX &&
    tileWorkgroupBytes(tile, elementBytes(precision)) <= limits.maxComputeWorkgroupStorageSize &&
    workgroupsInX(gemm, tile) <= limits.maxComputeWorkgroupsPerDimension
  );
}

/** The largest dimension of the dispatch. */
function workgroupsInX({ pixels, outChannels }: Gemm, tile: Tile): number {
  return tile.kind === 'workgroup'
    ? Math.ceil(pixels / tile.blockPixels)
    : Math.ceil(directThreads({ pixels, outChannels }, tile) / tileThreads(tile));
}
