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
  pixels: number;
  /** A multiple of 4. */
  channels: number;
  /** How many of the block's slices of 4 input channels stand unrolled in the text; divides their number. Default: 1. */
  unroll?: number;
}

export type Tile = DirectTile | WorkgroupTile;

/** Short name of a tile, for labels and tables: `direct 8x4`, `64x64x16 8x8`, unrolled `64x64x16 8x8 u4`. */
export function tileName(tile: Tile): string {
  return tile.kind === 'direct'
    ? `direct ${tile.pixels}x${tile.channels}`
    : `${tile.blockPixels}x${tile.blockChannels}x${tile.blockDepth} ${tile.pixels}x${tile.channels}${(tile.unroll ?? 1) > 1 ? ` u${tile.unroll}` : ''}`;
}

/** Threads of a workgroup. */
export function tileThreads(tile: Tile): number {
  return tile.kind === 'direct'
    ? 64
    : (tile.blockPixels / tile.pixels) * (tile.blockChannels / tile.channels);
}

/** Bytes of workgroup memory that a tile takes; `elementBytes` is 4 for f32, 2 for f16. */
export function tileWorkgroupBytes(tile: Tile, elementBytes: number): number {
  if (tile.kind === 'direct') return 0;
  // The pixels' block is padded by one vec4 per slice against bank conflicts.
  return tile.blockDepth * (tile.blockPixels + 1 + tile.blockChannels) * elementBytes;
}
