/** @file Perspective maps: P. Heckbert, "Fundamentals of Texture Mapping and Image Warping" (1989), section 2.2.3. */

import type { Point } from '../geometry/points.ts';

/** Four corners one after the other around an outline. */
export type Quad = readonly [Point, Point, Point, Point];

/**
 * The perspective map of the unit square onto a convex quad: (0, 0), (1, 0), (1, 1) and (0, 1) become its corners in
 * order.
 */
export function perspective([[x0, y0], [x1, y1], [x2, y2], [x3, y3]]: Quad): (u: number, v: number) => Point {
  const sumX = x0 - x1 + x2 - x3;
  const sumY = y0 - y1 + y2 - y3;
  const determinant = (x1 - x2) * (y3 - y2) - (x3 - x2) * (y1 - y2);
  const g = (sumX * (y3 - y2) - (x3 - x2) * sumY) / determinant;
  const h = ((x1 - x2) * sumY - sumX * (y1 - y2)) / determinant;
  const a = x1 - x0 + g * x1;
  const b = x3 - x0 + h * x3;
  const d = y1 - y0 + g * y1;
  const e = y3 - y0 + h * y3;
  return (u, v) => {
    const w = g * u + h * v + 1;
    return [(a * u + b * v + x0) / w, (d * u + e * v + y0) / w];
  };
}

/** Whether an outline of four points turns the same way at each of them. */
export function isConvexQuad(points: readonly Point[]): boolean {
  if (points.length !== 4) return false;
  const turns = points.map(([x1, y1], i) => {
    const [x0, y0] = points.at(i - 1)!;
    const [x2, y2] = points[(i + 1) % 4];
    return Math.sign((x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1));
  });
  return turns[0] !== 0 && turns.every((turn) => turn === turns[0]);
}
