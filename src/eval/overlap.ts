/** @file Areas and intersections of arbitrary simple or self-crossing polygons, through Clipper. */

import { areaPathsD, ClipperD, ClipType, FillRule, type PathsD } from 'clipper2-ts';
import type { Point } from '../postprocess/types.ts';

/** Decimal places that Clipper keeps: 1e-4 pixels. */
const DECIMALS = 4;

/** A polygon made ready for repeated intersections. */
export interface Shape {
  /** Rings under the non-zero rule; none where the polygon has no area. */
  rings: PathsD;
  /** Square pixels. */
  area: number;
  /** Bounding box `[left, top, right, bottom]`. */
  box: [number, number, number, number];
}

/** Makes a polygon ready. Either orientation; self-crossings count once (non-zero winding). */
export function toShape(points: readonly Point[]): Shape {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const path = points.map(([x, y]) => ({ x, y }));
  const rings = combine(ClipType.Union, [path]);
  return {
    rings,
    area: Math.abs(areaPathsD(rings)),
    box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
  };
}

/** Area that two polygons share, square pixels. */
export function intersectionArea(a: Shape, b: Shape): number {
  const width = Math.min(a.box[2], b.box[2]) - Math.max(a.box[0], b.box[0]);
  const height = Math.min(a.box[3], b.box[3]) - Math.max(a.box[1], b.box[1]);
  if (!(width > 0 && height > 0) || a.area === 0 || b.area === 0) return 0;
  const shared = combine(ClipType.Intersection, a.rings, b.rings);
  return Math.abs(areaPathsD(shared));
}

/** Intersection over union, 0 to 1; 0 where both have no area. */
export function intersectionOverUnion(a: Shape, b: Shape): number {
  const shared = intersectionArea(a, b);
  const union = a.area + b.area - shared;
  return union > 0 ? shared / union : 0;
}

/** Under the non-zero rule. Points on straight edges go: they send clipper2-ts 2.0.1 into endless loops. */
function combine(type: ClipType, subject: PathsD, clip?: PathsD): PathsD {
  const clipper = new ClipperD(DECIMALS);
  clipper.preserveCollinear = false;
  clipper.addSubjectPaths(subject);
  if (clip !== undefined) clipper.addClipPaths(clip);
  const rings: PathsD = [];
  clipper.execute(type, FillRule.NonZero, rings);
  return rings;
}
