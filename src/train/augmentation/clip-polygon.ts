/** @file Cuts polygons to a rectangle, by Clipper2; from its module alone, for the size of bundles (see `unclip.ts`). */

import { RectClip64 } from 'clipper2-ts/dist/RectClip.js';
import type { Point } from '../../postprocess/types.ts';
import { bounds } from './crop-area.ts';

/** Clipper computes in whole numbers; this many make a pixel. */
const SCALE = 4096;
/** Less than this, in square pixels, is rounding and no part of a text. */
const MIN_AREA = 0.01;

/**
 * The part of a polygon inside [0, width] x [0, height], in the polygon's sense of rotation: the polygon itself if
 * it is all inside, the largest piece if there are several, undefined if there is none. Cut polygons are kept to
 * 1/4096 pixel.
 */
export function clipPolygon(points: readonly Point[], width: number, height: number): Point[] | undefined {
  const [left, top, right, bottom] = bounds(points);
  if (left >= 0 && top >= 0 && right <= width && bottom <= height) return [...points];
  const clipper = new RectClip64({ left: 0, top: 0, right: width * SCALE, bottom: height * SCALE });
  const path = points.map(([x, y]) => ({ x: Math.round(x * SCALE), y: Math.round(y * SCALE) }));
  const pieces = clipper
    .execute([path])
    .map((piece) => piece.map(({ x, y }): Point => [x / SCALE, y / SCALE]));
  const [largest] = pieces.sort((a, b) => Math.abs(signedArea(b)) - Math.abs(signedArea(a)));
  if (!largest || Math.abs(signedArea(largest)) < MIN_AREA) return undefined;
  return largest;
}

/** Area by the shoelace formula; positive clockwise on the screen. */
function signedArea(points: readonly Point[]): number {
  let sum = 0;
  let [x0, y0] = points[points.length - 1];
  for (const [x, y] of points) {
    sum += x0 * y - x * y0;
    [x0, y0] = [x, y];
  }
  return sum / 2;
}
