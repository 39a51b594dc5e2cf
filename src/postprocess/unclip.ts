/** @file The unclip: offsets a shrunk text polygon outwards again (paper, section "Inference"). */

import { atLeast, check, invalid } from '../check.ts';
import { MAX_COORDINATE } from '../geometry/limits.ts';
import { fromPath, offsetDistance, offsetPaths, toPath } from '../geometry/offset.ts';
import type { FlatPoints } from '../geometry/points.ts';
import { perimeter, signedArea } from '../geometry/polygon.ts';
import { checkRect, growRect, type RotatedRect } from './min-area-rect.ts';

/**
 * Offsets a rectangle outwards by D = A * ratio / L with round joins and returns the minimum-area rectangle of
 * the result: the rectangle grown by D on every side. For turned by an angle t, a rectangle around the offset of
 * a w x h rectangle has the area w h + (w^2 + h^2) sin t cos t + 2 D (w + h) (sin t + cos t) + 4 D^2, which is
 * smallest at t = 0. So no polygon is needed here.
 *
 * @example
 * import { minAreaRect, unclipRect } from 'dbnet-webgpu/postprocess';
 *
 * // Outwards by 1.5 area / perimeter.
 * const rect = unclipRect(minAreaRect(Int32Array.of(10, 10, 110, 10, 110, 40, 10, 40)), 1.5);
 *
 * @returns the rectangle itself if it has no area
 * @throws DBNetError `invalid-argument`
 */
export function unclipRect(rect: RotatedRect, ratio: number): RotatedRect {
  checkRect(rect);
  check('ratio', ratio, atLeast(0));
  const area = rect.width * rect.height;
  if (!(area > 0)) return rect;
  return growRect(rect, offsetDistance(area, 2 * (rect.width + rect.height), ratio));
}

/**
 * Offsets a polygon outwards by D = A * ratio / L with round joins (arcs within 0.25 px). The corners are exact
 * to 1/256 px. If the result is in several parts, the largest is kept; holes are filled.
 *
 * @example
 * // Outwards by 1.5 area / perimeter.
 * const grown = unclip(Int32Array.of(10, 10, 110, 10, 110, 40, 10, 40), 1.5);
 *
 * @param points - a closed curve x0, y0, x1, y1, ... in either orientation
 * @param ratio - at least 0
 * @returns the offset polygon, clockwise on the screen (y down); empty if the polygon has no area
 * @throws DBNetError `invalid-argument` for other points, and a ratio that is negative, not finite, or offsets by more than 1e7 pixels
 */
export function unclip(points: FlatPoints, ratio: number): Float64Array {
  check('ratio', ratio, atLeast(0));
  const area = signedArea(points);
  if (area === 0) return new Float64Array(0);
  const distance = offsetDistance(Math.abs(area), perimeter(points), ratio);
  if (distance > MAX_COORDINATE)
    throw invalid('ratio', `one that offsets by at most ${MAX_COORDINATE} pixels`, ratio);
  const path = toPath(points);
  if (area < 0) path.reverse();

  let largest: Float64Array = new Float64Array(0);
  let most = 0;
  for (const part of offsetPaths([path], distance)) {
    const flat = fromPath(part);
    // Holes run the other way round and have a negative area.
    const size = signedArea(flat);
    if (size > most) {
      most = size;
      largest = flat;
    }
  }
  return largest;
}
