/** @file Measures of closed curves. */

import type { Box } from '../size.ts';
import { checkFlatPoints, type FlatPoints, type Point } from './points.ts';

export type { Point };

/**
 * Area of a closed curve x0, y0, x1, y1, ... by the shoelace formula; negative counter-clockwise on screen.
 * @throws DBNetError `invalid-argument`
 */
export function signedArea(points: FlatPoints): number {
  checkFlatPoints('points', points);
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

/** Perimeter of a closed curve x0, y0, x1, y1, ... @throws DBNetError `invalid-argument` */
export function perimeter(points: FlatPoints): number {
  checkFlatPoints('points', points);
  let sum = 0;
  let x0 = points[points.length - 2];
  let y0 = points[points.length - 1];
  for (let i = 0; i < points.length; i += 2) {
    const dx = points[i] - x0;
    const dy = points[i + 1] - y0;
    sum += Math.sqrt(dx * dx + dy * dy);
    x0 = points[i];
    y0 = points[i + 1];
  }
  return sum;
}

/** The upright box around points, of which there is one at least. */
export function boxAround(points: readonly Point[]): Box {
  let [left, top] = points[0];
  let [right, bottom] = points[0];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** Whether a polygon's bounding box shares no area with a picture from (0, 0) to (width, height). */
export function isOutside(
  points: readonly Point[],
  { width, height }: { width: number; height: number },
): boolean {
  const isBeside = (axis: 0 | 1, size: number) =>
    points.every((point) => point[axis] <= 0) || points.every((point) => point[axis] >= size);
  return isBeside(0, width) || isBeside(1, height);
}
