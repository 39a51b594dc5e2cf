/** @file Affine maps of the plane, composed so that a picture is sampled only once. */

import type { Point } from '../../postprocess/types.ts';

/** `[a, b, c, d, e, f]`: x' = a x + b y + c, y' = d x + e y + f. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Scaling by `factor`, then a shift. */
export const scaleAndShift = (factor: number, x: number, y: number): Affine => [factor, 0, x, 0, factor, y];

/** Mirror image from left to right, of a picture of this width. */
export const mirror = (width: number): Affine => [-1, 0, width, 0, 1, 0];

/** Turns about a point; positive degrees are clockwise on the screen (y down). */
export function rotation(degrees: number, [x, y]: Point): Affine {
  const cosine = Math.cos((degrees * Math.PI) / 180);
  const sine = Math.sin((degrees * Math.PI) / 180);
  return [cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y];
}

/** The map that does `first`, then `second`. */
export function compose([a, b, c, d, e, f]: Affine, second: Affine): Affine {
  const [p, q, r, s, t, u] = second;
  return [p * a + q * d, p * b + q * e, p * c + q * f + r, s * a + t * d, s * b + t * e, s * c + t * f + u];
}

/** The reverse map. The map must have one (none here collapses the plane). */
export function invert([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  return [
    e / determinant,
    -b / determinant,
    (b * f - e * c) / determinant,
    -d / determinant,
    a / determinant,
    (d * c - a * f) / determinant,
  ];
}

/** Where a point goes. */
export const mapPoint = ([a, b, c, d, e, f]: Affine, [x, y]: Point): Point => [
  a * x + b * y + c,
  d * x + e * y + f,
];
