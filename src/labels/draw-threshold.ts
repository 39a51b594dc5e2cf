/** @file The threshold target near a polygon's border: `MakeBorderMap` of the authors' code. */

import type { LabelMapOptions } from './types.ts';

/**
 * Raises the threshold around a closed curve: `thresholdMax` on it, falling linearly to `thresholdMin` at the
 * distance `reach` on both sides. Where curves meet, the maximum stays.
 *
 * The distance to an edge is the perpendicular one for some pixels and that to the nearer end for the others. The
 * true distance is perpendicular where neither angle at the ends is obtuse; the authors' code asks whether the
 * angle at the pixel, between the directions to the ends, is at least 90 degrees. Both follow from the squares of
 * the triangle's sides (law of cosines).
 *
 * @param map - row-major, holds at least `thresholdMin` everywhere
 * @param ring - x0, y0, x1, y1, ...
 * @param reach - in pixels, above 0
 */
export function drawThreshold(
  map: Float32Array,
  width: number,
  height: number,
  ring: Float64Array,
  reach: number,
  { distance, thresholdMin, thresholdMax }: LabelMapOptions,
): void {
  const isAuthors = distance === 'authors';
  const slope = (thresholdMax - thresholdMin) / reach;
  let x0 = ring[ring.length - 2];
  let y0 = ring[ring.length - 1];
  for (let i = 0; i < ring.length; i += 2) {
    const x1 = ring[i];
    const y1 = ring[i + 1];
    const dx = x1 - x0;
    const dy = y1 - y0;
    const edge = dx * dx + dy * dy;
    // A point given twice: the edges beside it say all.
    if (edge === 0) continue;
    const top = Math.max(0, Math.ceil(Math.min(y0, y1) - reach));
    const bottom = Math.min(height - 1, Math.floor(Math.max(y0, y1) + reach));
    for (let y = top; y <= bottom; y++) {
      const toY0 = y - y0;
      const toY1 = y - y1;
      // Within reach of the edge's line, and of the edge's bounding box.
      const middle = dy === 0 ? x0 : x0 + (toY0 * dx) / dy;
      const half = dy === 0 ? Number.POSITIVE_INFINITY : (reach * Math.sqrt(edge)) / Math.abs(dy);
      const left = Math.max(0, Math.ceil(Math.max(Math.min(x0, x1) - reach, middle - half)));
      const right = Math.min(width - 1, Math.floor(Math.min(Math.max(x0, x1) + reach, middle + half)));
      for (let x = left; x <= right; x++) {
        const toX0 = x - x0;
        const toX1 = x - x1;
        const toStart = toX0 * toX0 + toY0 * toY0;
        const toEnd = toX1 * toX1 + toY1 * toY1;
        const isBeside = isAuthors ? toStart + toEnd <= edge : Math.abs(toStart - toEnd) < edge;
        const squared = isBeside ? (toX0 * dy - toY0 * dx) ** 2 / edge : Math.min(toStart, toEnd);
        if (squared >= reach * reach) continue;
        const value = thresholdMax - slope * Math.sqrt(squared);
        const at = y * width + x;
        if (value > map[at]) map[at] = value;
      }
    }
    x0 = x1;
    y0 = y1;
  }
}
