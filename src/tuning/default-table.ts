/**
 * @file The tile that is taken where nothing was measured on the user's device: what was measured on devices of its
 * family, else the rule of `chooseTile`. So tuning is optional.
 */

import { chooseTile } from '../graph/choose-kernels.ts';
import { type Convolution, gemmOf } from '../kernels/convolution.ts';
import type { Tile } from '../kernels/tile.ts';
import type { AdapterDescription } from '../runtime/gpu-context.ts';
import type { TileTarget } from './candidates.ts';
import { findTile, type Tiles } from './table.ts';

/** Measurements that hold for a family of adapters. */
export interface FamilyTable {
  /** What the description of an adapter of this family says: vendor, architecture, device, description. */
  adapter: RegExp;
  /** As `dbnet-webgpu tune --json` writes them in `table`; only the tiles count. */
  entries: Tiles;
}

/** What the library ships; the first family that fits is taken. */
const shipped: readonly FamilyTable[] = [
  {
    adapter: /swiftshader|llvmpipe/i,
    entries: {
      // 1.08 to 1.19 times as fast as the rule's 8x8, on both; elsewhere 8x8 was the best or level.
      'f32 3x3 512 > 512, 2^7 px': { tile: { kind: 'direct', pixels: 4, channels: 16 } },
    },
  },
];

/** The default tile of a convolution. */
export function defaultTile(
  conv: Convolution,
  { precision, limits, software }: TileTarget,
  adapter: AdapterDescription,
  families: readonly FamilyTable[] = shipped,
): Tile {
  const { vendor, architecture, device, description } = adapter;
  const text = [vendor, architecture, device, description].join(' ');
  const family = families.find((candidate) => candidate.adapter.test(text));
  return (
    (family && findTile(family.entries, conv, precision, limits)) ?? chooseTile(gemmOf(conv), { software })
  );
}
