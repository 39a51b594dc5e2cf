/** @file A probability map with a known number of text regions, for measuring post-processing without a GPU. */

import { random as seededRandom } from '../../test/gpu/assert.ts';

/** Regions of {@link regionMap}: a grid of so many columns and rows. */
const columns = 10;
const rows = 10;
export const regionCount = columns * rows;

/** A map `[height, width]` with 100 turned rectangles, as words are: P is about 0.9 inside and 0.05 outside. */
export function regionMap(width: number, height: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(9);
  const map = new Float32Array(width * height);
  for (let i = 0; i < map.length; i++) map[i] = 0.1 * random();
  const [cellWidth, cellHeight] = [width / columns, height / rows];
  for (let cell = 0; cell < regionCount; cell++) {
    const centreX = ((cell % columns) + 0.5) * cellWidth;
    const centreY = (Math.floor(cell / columns) + 0.5) * cellHeight;
    const angle = (random() - 0.5) * 0.6;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const halfWidth = cellWidth * (0.2 + 0.15 * random());
    const halfHeight = cellHeight * (0.12 + 0.08 * random());
    for (let y = Math.floor(centreY - cellHeight / 2); y < centreY + cellHeight / 2; y++) {
      for (let x = Math.floor(centreX - cellWidth / 2); x < centreX + cellWidth / 2; x++) {
        const along = (x - centreX) * cos + (y - centreY) * sin;
        const across = (y - centreY) * cos - (x - centreX) * sin;
        if (Math.abs(along) <= halfWidth && Math.abs(across) <= halfHeight) {
          map[y * width + x] = 0.85 + 0.1 * random();
        }
      }
    }
  }
  return map;
}

/** The mask as the network writes it: one bit per pixel, rows of whole words. */
export function maskOf(map: Float32Array, threshold: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(map.length / 32);
  for (let i = 0; i < map.length; i++) if (map[i] > threshold) words[i >>> 5] |= 1 << (i & 31);
  return words;
}
