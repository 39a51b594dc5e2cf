/** @file The tiles that are measured for a convolution: those with which the autotuner begins. */

import { type Convolution, gemmOf } from '../../src/kernels/convolution.ts';
import { type Tile, tileName } from '../../src/kernels/tile.ts';
import { candidates, type TileTarget } from '../../src/tuning/candidates.ts';

/** For a quick look. */
const fewTiles = 3;

/** Tiles for a convolution, those that the device can run. `all`: for GPUs and for software adapters, on both. */
export function tilesFor(conv: Convolution, target: TileTarget, menu: 'all' | 'few'): Tile[] {
  const own = candidates(gemmOf(conv), target);
  if (menu === 'few') return own.slice(0, fewTiles);
  const others = candidates(gemmOf(conv), { ...target, software: !target.software });
  const names = new Set(own.map(tileName));
  return [...own, ...others.filter((tile) => !names.has(tileName(tile)))];
}
