/**
 * @file How a convolution is cut into work: the tile. Which one is fastest depends on the adapter.
 * Direct tiles and those of quads read storage straight into registers and win on software adapters, where workgroup
 * memory and barriers are expensive; workgroup tiles share loads among threads and win on GPUs.
 */

import { DBNetError } from '../errors.ts';
import type { Gemm } from './tile-loop.ts';

/** Each thread computes `pixels` x `channels` outputs from storage, 64 threads a workgroup along the pixels. */
export interface DirectTile {
  kind: 'direct';
  pixels: number;
  /** A multiple of 4. */
  channels: number;
  /**
   * So many neighbouring threads have the same pixels and neighbouring channels. Channels stand side by side in memory:
   * GPUs read fewer cache lines so. Default: 1.
   */
  lanes?: number;
}

/**
 * A workgroup is a quad of four threads with the same channels, of which each reads a quarter of the weights: for where
 * loads are dearer than products (`conv2d-quad.ts`). The device needs the feature `subgroups`.
 */
export interface QuadTile {
  kind: 'quad';
  /** Of each thread. */
  pixels: number;
  /** A multiple of 4. */
  channels: number;
}

/**
 * A workgroup computes `blockPixels` x `blockChannels` outputs through workgroup memory, `blockDepth` input
 * channels at a time; each thread holds `pixels` x `channels` of them in registers.
 */
export interface WorkgroupTile {
  kind: 'workgroup';
  blockPixels: number;
  /** A multiple of `channels`. */
  blockChannels: number;
  /** A multiple of 4. */
  blockDepth: number;
  /** A multiple of 4. */
  pixels: number;
  /** A multiple of 4. */
  channels: number;
  /**
   * So many groups of threads compute the same outputs, each from a slice of the block's depth (sliced K), and add up
   * their sums in the end: more threads where there are few outputs. Divides the vectors of the depth. Default: 1.
   */
  slices?: number;
}

export type Tile = DirectTile | QuadTile | WorkgroupTile;

/** The tile that stands in for one that a device computes wrongly: neither workgroup memory nor many registers. */
export const plainTile: DirectTile = { kind: 'direct', pixels: 4, channels: 4 };

/**
 * Short name of a tile, for labels and tables: `direct 8x4`, with eight lanes of channels `direct 8x4 c8`;
 * `quad 8x4`; `64x64x16 8x8`, with four slices of K `32x32x32 4x4 k4`.
 *
 * @example
 * tileName({ kind: 'direct', pixels: 4, channels: 4 }); // 'direct 4x4'
 */
export function tileName(tile: Tile): string {
  if (tile.kind !== 'workgroup') {
    const { kind, pixels, channels } = tile;
    const lanes = tile.kind === 'direct' && tile.lanes ? ` c${tile.lanes}` : '';
    return `${kind} ${pixels}x${channels}${lanes}`;
  }
  const { blockPixels, blockChannels, blockDepth, pixels, channels, slices = 1 } = tile;
  return `${blockPixels}x${blockChannels}x${blockDepth} ${pixels}x${channels}${slices > 1 ? ` k${slices}` : ''}`;
}

/**
 * Threads of a workgroup.
 *
 * @example
 * tileThreads({ kind: 'workgroup', blockPixels: 64, blockChannels: 64, blockDepth: 8, pixels: 8, channels: 8 }); // 64
 */
export function tileThreads(tile: Tile): number {
  if (tile.kind !== 'workgroup') return tile.kind === 'quad' ? 4 : 64;
  return (tile.blockPixels / tile.pixels) * (tile.blockChannels / tile.channels) * (tile.slices ?? 1);
}

/** Far more than any tile has that pays: a shader with more would take long to compile. */
const maxSide = 256;
const maxSums = 256;

/** The members of each kind of tile, and what each is a multiple of. */
const members: Record<Tile['kind'], Readonly<Record<string, number>>> = {
  direct: { pixels: 1, channels: 4 },
  quad: { pixels: 1, channels: 4 },
  workgroup: { blockPixels: 4, blockChannels: 4, blockDepth: 4, pixels: 4, channels: 4 },
};

/** What is wrong with something as a tile; undefined for one that kernels can be made with. */
function tileFault(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return `an object is expected, ${String(value)} was found`;
  const tile = value as Record<string, unknown>;
  const kinds = Object.keys(members);
  if (typeof tile.kind !== 'string' || !Object.hasOwn(members, tile.kind)) {
    return `kind: ${kinds.map((kind) => `'${kind}'`).join(', ')} are expected, ${String(tile.kind)} was found`;
  }
  const whole = (name: string, multiple: number): string | undefined => {
    const found = tile[name];
    return Number.isInteger(found) &&
      (found as number) > 0 &&
      (found as number) <= maxSide &&
      (found as number) % multiple === 0
      ? undefined
      : `${name}: a multiple of ${multiple} from ${multiple} to ${maxSide} is expected, ${String(found)} was found`;
  };
  for (const [name, multiple] of Object.entries(members[tile.kind as Tile['kind']])) {
    const fault = whole(name, multiple);
    if (fault) return fault;
  }
  const known = value as Tile;
  const sums = known.pixels * known.channels;
  if (sums > maxSums) return `a thread computes at most ${maxSums} outputs, not ${sums}`;
  if (known.kind === 'quad') return undefined;
  if (known.kind === 'direct') return known.lanes === undefined ? undefined : whole('lanes', 1);
  const { blockDepth, pixels, channels, slices = 1 } = known;
  return (
    whole('blockPixels', pixels) ??
    whole('blockChannels', channels) ??
    (Number.isInteger(slices) && slices > 0 && (blockDepth / 4) % slices === 0
      ? undefined
      : `slices: a divisor of ${blockDepth / 4}, the vectors of the depth, is expected, ${String(slices)} was found`)
  );
}

/** True for a tile that kernels can be made with. */
export const isTile = (value: unknown): value is Tile => tileFault(value) === undefined;

/** @throws DBNetError `invalid-argument` for a tile that no kernel can be made with. */
export function assertTile(tile: unknown): asserts tile is Tile {
  const fault = tileFault(tile);
  if (fault) throw new DBNetError('invalid-argument', `This is no tile: ${fault}.`);
}

/** Threads of all workgroups, but for those that fill up the last: whole lanes of channels, whole quads. */
export function directThreads(
  { pixels, outChannels }: Pick<Gemm, 'pixels' | 'outChannels'>,
  tile: DirectTile | QuadTile,
): number {
  const tiles = Math.ceil(pixels / tile.pixels);
  if (tile.kind === 'quad') return 4 * Math.ceil(tiles / 4) * Math.ceil(outChannels / tile.channels);
  const { channels, lanes = 1 } = tile;
  return tiles * Math.ceil(outChannels / (channels * lanes)) * lanes;
}

/** Where less of a tile's products counts, another is faster. */
export const leastTileUse = 0.55;

/**
 * The share of a tile's products that count: less than 1 where channels fill no whole blocks.
 *
 * @example
 * const gemm = { pixels: 160 * 160, outChannels: 96, channels: [64], planes: 1 };
 * tileUse(gemm, { kind: 'workgroup', blockPixels: 64, blockChannels: 64, blockDepth: 8, pixels: 8, channels: 8 }); // 0.75
 */
export function tileUse({ outChannels, channels }: Gemm, tile: Tile): number {
  const whole = (count: number, block: number) => Math.ceil(count / block) * block;
  if (tile.kind === 'quad') return outChannels / whole(outChannels, tile.channels);
  if (tile.kind === 'direct') return outChannels / whole(outChannels, tile.channels * (tile.lanes ?? 1));
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  return (
    (outChannels / whole(outChannels, tile.blockChannels)) *
    (total(channels) / total(channels.map((count) => whole(count, tile.blockDepth))))
  );
}

/** What a tile keeps in workgroup memory, in vec4s. */
export interface WorkgroupMemory {
  /** Pixels, transposed: `blockDepth` rows of four pixels each in a vec4, `pitch` from one row to the next. */
  pixels: number;
  pitch: number;
  weights: number;
  /** What slices of K hand to one of them, a pixel of each thread at a time, in f32. */
  sums: number;
}

/** Lanes that write vec4s to workgroup memory at a time: 32 banks of 4 bytes are what GPUs have. */
const lanes = 8;

export function workgroupMemory({
  blockPixels,
  blockChannels,
  blockDepth,
  pixels,
  slices = 1,
}: WorkgroupTile): WorkgroupMemory {
  // Lanes that write side by side hold neighbouring vectors of channels, then neighbouring pixels: the pitch has the
  // remainder with which each meets banks of its own.
  const remainder = Math.max(1, Math.floor(lanes / (blockDepth / 4))) % lanes;
  const quads = blockPixels / 4;
  const pitch = quads + ((((remainder - quads) % lanes) + lanes) % lanes);
  return {
    pixels: blockDepth * pitch,
    pitch,
    weights: (blockDepth * blockChannels) / 4,
    sums: ((slices - 1) * blockPixels * blockChannels) / (4 * pixels),
  };
}

/**
 * Bytes of workgroup memory that a tile takes; `elementBytes` is 4 for f32, 2 for f16.
 *
 * @example
 * // f32 has 4 bytes.
 * tileWorkgroupBytes({ kind: 'workgroup', blockPixels: 64, blockChannels: 64, blockDepth: 8, pixels: 8, channels: 8 }, 4);
 */
export function tileWorkgroupBytes(tile: Tile, elementBytes: number): number {
  if (tile.kind !== 'workgroup') return 0;
  const { pixels, weights, sums } = workgroupMemory(tile);
  return 4 * ((pixels + weights) * elementBytes + sums * 4);
}
