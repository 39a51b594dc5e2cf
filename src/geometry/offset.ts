/**
 * @file Offsets of polygons by Clipper2, with round joins. Imported from Clipper's own modules, not from its
 * index: that keeps triangulation and the rest (about 40 % of the minified size) out of bundles.
 */

import { ClipperOffset, EndType, JoinType } from 'clipper2-ts/dist/Offset.js';

/** Clipper computes in whole numbers; this many make a pixel. */
const SCALE = 256;
/** Arcs may deviate by this much (pixels), but by no more than a quarter of the offset, as in Clipper 1. */
const ARC_TOLERANCE = 0.25;

/** A closed curve as Clipper takes it: whole numbers, in 1/256 px. */
export type Path = { x: number; y: number }[];

/** A closed curve x0, y0, x1, y1, ... in pixels, rounded to 1/256 px. */
export function toPath(points: ArrayLike<number>): Path {
  const path: Path = [];
  for (let i = 0; i < points.length; i += 2) {
    path.push({ x: Math.round(points[i] * SCALE), y: Math.round(points[i + 1] * SCALE) });
  }
  return path;
}

/** The reverse of `toPath`. */
export function fromPath(path: Path): Float64Array {
  return Float64Array.from(path.flatMap(({ x, y }) => [x / SCALE, y / SCALE]));
}

/** The offset distance of the paper: D = A * ratio / L, for an area A and a perimeter L above 0. */
export function offsetDistance(area: number, length: number, ratio: number): number {
  return (area * ratio) / length;
}

/**
 * Moves the border of a polygon outwards by a distance in pixels (inwards if it is negative), with round joins:
 * arcs within 0.25 px, the other corners exact to 1/256 px.
 *
 * @param paths - outer curves with positive area (`signedArea`), holes with negative area
 * @returns the same kind of paths, which do not cross; none if nothing is left
 */
export function offsetPaths(paths: Path[], distance: number): Path[] {
  const offset = new ClipperOffset();
  offset.arcTolerance = Math.min(ARC_TOLERANCE, Math.abs(distance) / 4) * SCALE;
  offset.addPaths(paths, JoinType.Round, EndType.Polygon);
  const result: Path[] = [];
  offset.execute(distance * SCALE, result);
  return result;
}
