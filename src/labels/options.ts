/** @file What label maps are made from: defaults, and checks of everything that is given. */

import { describe, invalid } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { isTypedArray } from '../kind-of.ts';
import type { LabelArrays, LabelMapOptions, LabelMapsOptions, LabelPolygon } from './types.ts';

/** The values of the paper and its code. */
export const labelMapDefaults: Readonly<LabelMapOptions> = {
  shrinkRatio: 0.4,
  thresholdMin: 0.3,
  thresholdMax: 0.7,
  minimumSize: 8,
  distance: 'authors',
  clipping: 'authors',
};

/** Coordinates beyond this are refused: no image is that large, and Clipper's exactness ends somewhere. */
const MAX_COORDINATE = 1e7;

const MAPS = ['probability', 'probabilityMask', 'threshold', 'thresholdMask'] as const;

interface Rule {
  expected: string;
  test: (value: unknown) => boolean;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const oneOf = (...names: string[]): Rule => ({
  expected: names.map((name) => `'${name}'`).join(' or '),
  test: (value) => typeof value === 'string' && names.includes(value),
});

const probability: Rule = {
  expected: 'a number from 0 to 1',
  test: (value) => isNumber(value) && value >= 0 && value <= 1,
};

const RULES: Record<keyof LabelMapOptions, Rule> = {
  shrinkRatio: {
    expected: 'a number from 0 to below 1',
    test: (value) => isNumber(value) && value >= 0 && value < 1,
  },
  thresholdMin: probability,
  thresholdMax: probability,
  minimumSize: {
    expected: 'a finite number of at least 0',
    test: (value) => isNumber(value) && value >= 0,
  },
  distance: oneOf('authors', 'segment'),
  clipping: oneOf('authors', 'exact'),
};

/**
 * Fills in the defaults and checks every option. An option that is `undefined` counts as left out.
 *
 * @throws DBNetError `invalid-argument`, naming the option, what it may be, and what was found
 */
export function resolveLabelOptions(options: Omit<LabelMapsOptions, 'into' | 'scratch'>): LabelMapOptions {
  const resolved: LabelMapOptions = { ...labelMapDefaults };
  for (const [name, value] of Object.entries(options)) {
    if (!isOption(name)) {
      const known = Object.keys(RULES).join(', ');
      throw invalid(name, `none of this name, but ${known}, into, scratch`, value);
    }
    if (value === undefined) continue;
    if (!RULES[name].test(value)) throw invalid(name, RULES[name].expected, value);
    Object.assign(resolved, { [name]: value });
  }
  const { thresholdMin, thresholdMax } = resolved;
  if (thresholdMax < thresholdMin) {
    throw invalid('thresholdMax', `a number from thresholdMin (${thresholdMin}) to 1`, thresholdMax);
  }
  return resolved;
}

function isOption(name: string): name is keyof LabelMapOptions {
  return Object.hasOwn(RULES, name);
}

/** @throws DBNetError `invalid-argument` */
export function checkSize(size: unknown): asserts size is { width: number; height: number } {
  if (typeof size !== 'object' || size === null) throw invalid('size', 'an object { width, height }', size);
  for (const side of ['width', 'height'] as const) {
    const value = (size as Record<string, unknown>)[side];
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw invalid(`size.${side}`, 'a whole number of at least 1', value);
    }
  }
}

/** @throws DBNetError `invalid-argument` for anything but four arrays of `length` values. */
export function checkArrays(into: LabelArrays, length: number): void {
  if (typeof into !== 'object' || into === null)
    throw invalid('into', `an object of ${MAPS.join(', ')}`, into);
  for (const name of MAPS) {
    const array: unknown = into[name];
    if (!isTypedArray(array, 'Float32Array')) throw invalid(`into.${name}`, 'a Float32Array', array);
    if (array.length !== length)
      throw invalid(`into.${name}`, `height * width = ${length} values`, array.length);
  }
}

/** @throws DBNetError `invalid-argument`, naming the polygon and the point. */
export function checkPolygons(polygons: readonly LabelPolygon[]): void {
  if (!Array.isArray(polygons)) throw wrong('polygons', 'an array', polygons);
  for (const [i, polygon] of polygons.entries()) {
    const points: unknown = polygon?.points;
    if (!Array.isArray(points)) throw wrong(`polygons[${i}].points`, 'an array of [x, y]', points);
    if (points.length < 3) {
      const found = points.length === 1 ? '1 point' : `${points.length} points`;
      throw new DBNetError(
        'invalid-argument',
        `polygons[${i}].points: expected at least 3 points, found ${found}.`,
      );
    }
    for (const [j, point] of points.entries()) {
      const fits = (value: unknown) => isNumber(value) && Math.abs(value) <= MAX_COORDINATE;
      if (Array.isArray(point) && point.length === 2 && point.every(fits)) continue;
      const found = Array.isArray(point) ? `[${point.map(describe).join(', ')}]` : describe(point);
      throw new DBNetError(
        'invalid-argument',
        `polygons[${i}].points[${j}]: expected [x, y] in pixels between -${MAX_COORDINATE} and ${MAX_COORDINATE}, found ${found}.`,
      );
    }
    const ignore: unknown = polygon.ignore;
    if (ignore !== undefined && typeof ignore !== 'boolean') {
      throw wrong(`polygons[${i}].ignore`, 'a boolean', ignore);
    }
  }
}

function wrong(name: string, expected: string, found: unknown): DBNetError {
  return new DBNetError('invalid-argument', `${name}: expected ${expected}, found ${describe(found)}.`);
}
