/** @file Points, and the checks of those that callers give. */

import {
  array,
  boolean,
  check,
  invalid,
  kind,
  mismatch,
  object,
  tuple,
  typedArray,
  typedArrayName,
} from '../check.ts';
import { describe } from '../describe.ts';
import type { DBNetErrorCode } from '../errors.ts';

/** A point `[x, y]` in pixels; pixel centres of a map lie on whole numbers, as in OpenCV. */
export type Point = [x: number, y: number];

/** Points one after another: x0, y0, x1, y1, ... */
export type FlatPoints = Int32Array | Float64Array;

/** Coordinates beyond this are refused: no image is that large, and Clipper's exactness ends somewhere. */
export const MAX_COORDINATE = 1e7;

const isCoordinate = (value: unknown): boolean => Math.abs(value as number) <= MAX_COORDINATE;
const inPixels = `in pixels between -${MAX_COORDINATE} and ${MAX_COORDINATE}`;

const point = tuple<Point>(
  `[x, y] ${inPixels}`,
  2,
  kind('a coordinate', (value) => typeof value === 'number' && isCoordinate(value)),
);

/** The corners of a polygon, three at least. @throws DBNetError of the code, naming the point */
export function checkCorners(name: string, value: unknown, code?: DBNetErrorCode): Point[] {
  const points = check(name, value, kind<unknown[]>('an array of [x, y]', Array.isArray), code);
  if (points.length < 3) {
    throw mismatch(
      name,
      'at least 3 points',
      points.length === 1 ? '1 point' : `${points.length} points`,
      code,
    );
  }
  return Array.from(points, (corner, i) => {
    if (point.is(corner)) return corner;
    const found = Array.isArray(corner) ? `[${corner.map(describe).join(', ')}]` : describe(corner);
    throw mismatch(`${name}[${i}]`, point.expected, found, code);
  });
}

/**
 * Labelled polygons: `{ points, ignore? }`, whatever else they hold.
 * @throws DBNetError `invalid-argument`, naming the polygon and the point
 */
export function checkLabels(name: string, labels: unknown): void {
  for (const [i, label] of check(name, labels, array).entries()) {
    const { points, ignore = false } = check(`${name}[${i}]`, label, object);
    checkCorners(`${name}[${i}].points`, points);
    check(`${name}[${i}].ignore`, ignore, boolean);
  }
}

const flatPoints = typedArray('Int32Array', 'Float64Array');

/** @param least - how many points there have to be @throws DBNetError `invalid-argument` */
export function checkFlatPoints(name: string, value: unknown, least = 0): FlatPoints {
  const points = check(name, value, flatPoints);
  const count = points.length / 2;
  if (points.length % 2 !== 0) throw mismatch(name, 'x and y in turns', `${points.length} numbers`);
  if (count < least) {
    throw mismatch(name, `at least ${least === 1 ? 'one point' : `${least} points`}`, `${count || 'none'}`);
  }
  // Whole numbers of 32 bits are all right as they are.
  for (let i = 0; typedArrayName(points) === 'Float64Array' && i < points.length; i++) {
    if (!isCoordinate(points[i])) throw invalid(`${name}[${i}]`, `a coordinate ${inPixels}`, points[i]);
  }
  return points;
}
