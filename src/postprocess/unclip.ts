/**
 * @file The unclip: offsets a shrunk text polygon outwards again (paper, section "Inference"), by Clipper2.
 * Imported from Clipper's offset module, not from its index: that keeps triangulation and the rest (about
 * 40 % of the minified size) out of bundles.
 */

import { ClipperOffset, EndType, JoinType } from 'clipper2-ts/dist/Offset.js';
import { growRect, type RotatedRect } from './min-area-rect.ts';
import { perimeter } from './simplify.ts';
import { checkNotNegative } from './validate.ts';

/** Clipper computes in whole numbers; this many make a pixel. */
const SCALE = 256;
/** Arcs may deviate by this much (pixels), but by no more than a quarter of the offset, as in Clipper 1. */
const ARC_TOLERANCE = 0.25;

/** Area of a closed curve x0, y0, x1, y1, ... by the shoelace formula; negative counter-clockwise on screen. */
export function signedArea(points: Int32Array | Float64Array): number {
  let sum = 0;
  let x0 = points[points.length - 2];
  let y0 = points[points.length - 1];
  for (let i = 0; i < points.length; i += 2) {
    sum += x0 * points[i + 1] - points[i] * y0;
    x0 = points[i];
    y0 = points[i + 1];
  }
  return sum / 2;
}

/** The offset distance of the paper: D = A * ratio / L, for an area A and a perimeter L above 0. */
function offsetDistance(area: number, length: number, ratio: number): number {
  return (area * ratio) / length;
}

/**
 * Offsets a rectangle outwards by D = A * ratio / L with round joins and returns the minimum-area rectangle of
 * the result: the rectangle grown by D on every side. For turned by an angle t, a rectangle around the offset of
 * a w x h rectangle has the area w h + (w^2 + h^2) sin t cos t + 2 D (w + h) (sin t + cos t) + 4 D^2, which is
 * smallest at t = 0. So no polygon is needed here.
 *
 * @returns the rectangle itself if it has no area
 */
export function unclipRect(rect: RotatedRect, ratio: number): RotatedRect {
  const area = rect.width * rect.height;
  if (!(area > 0)) return rect;
  return growRect(rect, offsetDistance(area, 2 * (rect.width + rect.height), ratio));
}

/**
 * Offsets a polygon outwards by D = A * ratio / L with round joins (arcs within 0.25 px). The corners are exact
 * to 1/256 px. If the result is in several parts, the largest is kept; holes are filled.
 *
 * @param points - a closed curve x0, y0, x1, y1, ... in either orientation
 * @param ratio - at least 0
 * @returns the offset polygon, clockwise on the screen (y down); empty if the polygon has no area
 * @throws DBNetError `invalid-argument` for a ratio that is negative or not finite
 */
export function unclip(points: Int32Array | Float64Array, ratio: number): Float64Array {
  checkNotNegative('ratio', ratio);
  const area = signedArea(points);
  if (area === 0) return new Float64Array(0);
  const distance = offsetDistance(Math.abs(area), perimeter(points), ratio);
  const path = [];
  for (let i = 0; i < points.length; i += 2) {
    path.push({ x: Math.round(points[i] * SCALE), y: Math.round(points[i + 1] * SCALE) });
  }
  if (area < 0) path.reverse();
  const offset = new ClipperOffset();
  offset.arcTolerance = Math.min(ARC_TOLERANCE, distance / 4) * SCALE;
  offset.addPath(path, JoinType.Round, EndType.Polygon);
  const parts: { x: number; y: number }[][] = [];
  offset.execute(distance * SCALE, parts);

  let largest = new Float64Array(0);
  let most = 0;
  for (const part of parts) {
    const flat = Float64Array.from(part.flatMap(({ x, y }) => [x / SCALE, y / SCALE]));
    // Holes run the other way round and have a negative area.
    const size = signedArea(flat);
    if (size > most) {
      most = size;
      largest = flat;
    }
  }
  return largest;
}
