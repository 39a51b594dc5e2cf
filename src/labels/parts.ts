/**
 * @file Polygons as annotators leave them become parts that can be offset: inside the image, without
 * self-crossings, every part with its holes.
 */

import { ClipType, FillRule } from 'clipper2-ts/dist/Core.js';
import { Clipper64, type PolyPath64, PolyTree64 } from 'clipper2-ts/dist/Engine.js';
import { fromPath, type Path, toPath } from '../geometry/offset.ts';
import { signedArea } from '../geometry/polygon.ts';
import type { LabelMapOptions } from './types.ts';

/** A part of a polygon. */
export interface Part {
  /** What is filled and offset: the outer border (positive area), then the holes (negative area). */
  paths: Path[];
  /** The border as it is measured: the same curves, or the one that was given, with its spikes. */
  rings: Float64Array[];
}

/** Areas that differ by less (square pixels) are those of the same polygon, rounded. */
const SAME_AREA = 0.01;

/**
 * The parts of a polygon in an image: one for most polygons. The inside is what the curve winds around (non-zero
 * rule), so both wings of a bow tie count, and an overlap counts once.
 *
 * @param points - x0, y0, x1, y1, ...
 * @returns none if the polygon has no area, or none in the image
 */
export function toParts(
  points: Float64Array,
  width: number,
  height: number,
  clipping: LabelMapOptions['clipping'],
): Part[] {
  const clamped = clampPoints(points, width, height);
  const reachesOutside = points.some((value, i) => value !== clamped[i]);
  if (clipping === 'exact' && reachesOutside) return resolve(toPath(points), imagePath(width, height));
  const path = toPath(clamped);
  const parts = resolve(path);
  if (parts.length !== 1) return parts;
  // Moved corners may leave spikes along the border, which the authors' code counts in the perimeter; and corners
  // on straight edges are ends to its distance. So a polygon that does not cross itself is measured as it is.
  const [{ paths }] = parts;
  const ring = fromPath(path);
  const area = Math.abs(signedArea(ring));
  const isSimple = paths.length === 1 && Math.abs(area - signedArea(fromPath(paths[0]))) < SAME_AREA;
  return isSimple ? [{ paths, rings: [ring] }] : parts;
}

/** Corners outside of the image move to its nearest pixel: `validate_polygons` of the authors' code. */
export function clampPoints(points: Float64Array, width: number, height: number): Float64Array {
  return points.map((value, i) => Math.min(Math.max(value, 0), (i % 2 === 0 ? width : height) - 1));
}

/** The parts of the inside of a curve, within another curve if one is given. */
function resolve(path: Path, clip?: Path): Part[] {
  const clipper = new Clipper64();
  // With them, some spikes send clipper2-ts 2.0.1 into an endless loop.
  clipper.preserveCollinear = false;
  clipper.addSubject([path]);
  if (clip !== undefined) clipper.addClip([clip]);
  const tree = new PolyTree64();
  clipper.execute(clip === undefined ? ClipType.Union : ClipType.Intersection, FillRule.NonZero, tree);
  const parts: Part[] = [];
  collectParts(tree, parts);
  return parts;
}

/** The rectangle of the pixels' centres. */
function imagePath(width: number, height: number): Path {
  return toPath([0, 0, width - 1, 0, width - 1, height - 1, 0, height - 1]);
}

/** The children of a node are outer borders, their children holes, and theirs outer borders again. */
function collectParts(node: PolyPath64, parts: Part[]): void {
  for (let i = 0; i < node.count; i++) {
    const outer = node.child(i);
    const paths: Path[] = [outer.poly!];
    for (let j = 0; j < outer.count; j++) {
      paths.push(outer.child(j).poly!);
      collectParts(outer.child(j), parts);
    }
    parts.push({ paths, rings: paths.map(fromPath) });
  }
}
