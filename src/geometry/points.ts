/** @file Points, and the checks of those that callers give. */

import { array, boolean, check, invalid, kind, mismatch, object, typedArray } from '../check.ts';
import { describe } from '../describe.ts';
import type { DBNetErrorCode } from '../errors.ts';
import { isTypedArray } from '../kind-of.ts';
import { MAX_COORDINATE } from './limits.ts';

/** A point `[x, y]` in pixels; pixel centres of a map lie on whole numbers, as in OpenCV. */
export type Point = [x: number, y: number];

/** Points one after another: x0, y0, x1, y1, ... */
export type FlatPoints = Int32Array | Float64Array;

const inPixels = `in pixels between -${MAX_COORDINATE} and ${MAX_COORDINATE}`;

const isCoordinate = (value: unknown): boolean =>
  typeof value === 'number' && Math.abs(value) <= MAX_COORDINATE;

const point = kind<Point>(
  `[x, y] ${inPixels}`,
  (value) => Array.isArray(value) && value.length === 2 && isCoordinate(value[0]) && isCoordinate(value[1]),
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
    const few = Array.isArray(corner) && corner.length <= 4;
    const found = few ? `[${corner.map(describe).join(', ')}]` : describe(corner);
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
export function checkFlatPoints(name: string, value: unknown, least: 0 | 1 = 0): FlatPoints {
  const points = check(name, value, flatPoints);
  if (points.length % 2 !== 0) throw mismatch(name, 'x and y in turns', `${points.length} numbers`);
  if (points.length < least) throw mismatch(name, 'at least one point', 'none');
  // Whole numbers of 32 bits are all right as they are.
  if (isTypedArray(points, 'Float64Array')) {
    const at = points.findIndex((coordinate) => !isCoordinate(coordinate));
    if (at !== -1) throw invalid(`${name}[${at}]`, `a coordinate ${inPixels}`, points[at]);
  }
  return points;
}
