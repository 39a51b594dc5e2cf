/**
 * @file How a convolution is cut into work: the tile. Which one is fastest depends on the adapter.
 * Direct tiles read storage straight into registers and win on software adapters, where workgroup memory and
 * barriers are expensive; workgroup tiles share loads among threads and win on GPUs.
 */

/** Each thread computes `pixels` x `channels` outputs from storage, 64 threads a workgroup along the pixels. */
export interface DirectTile {
  kind: 'direct';
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
  /** A multiple of 4 that divides the input channels. */
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

export type Tile = DirectTile | WorkgroupTile;

/**
 * Short name of a tile, for labels and tables: `direct 8x4`, `64x64x16 8x8`, with four slices of K `32x32x32 4x4 k4`.
 *
 * @example
 * tileName({ kind: 'direct', pixels: 4, channels: 4 }); // 'direct 4x4'
 */
export function tileName(tile: Tile): string {
  return tile.kind === 'direct'
    ? `direct ${tile.pixels}x${tile.channels}`
    : `${tile.blockPixels}x${tile.blockChannels}x${tile.blockDepth} ${tile.pixels}x${tile.channels}${(tile.slices ?? 1) > 1 ? ` k${tile.slices}` : ''}`;
}

/**
 * Threads of a workgroup.
 *
 * @example
 * tileThreads({ kind: 'workgroup', blockPixels: 64, blockChannels: 64, blockDepth: 8, pixels: 8, channels: 8 }); // 64
 */
export function tileThreads(tile: Tile): number {
  return tile.kind === 'direct'
    ? 64
    : (tile.blockPixels / tile.pixels) * (tile.blockChannels / tile.channels) * (tile.slices ?? 1);
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
  if (tile.kind === 'direct') return 0;
  const { pixels, weights, sums } = workgroupMemory(tile);
  return 4 * ((pixels + weights) * elementBytes + sums * 4);
}
