/** @file What label maps are made from: defaults, and checks of everything that is given. */

import {
  atLeast,
  below,
  between,
  check,
  checkOptions,
  checkRecord,
  checkSize,
  invalid,
  type Kinds,
  kind,
  mismatch,
  object,
  oneOf,
  typedArray,
} from '../check.ts';
import { DBNetError } from '../errors.ts';
import { tooIntricate } from '../geometry/crossings.ts';
import { fillScratch } from '../geometry/fill-poly.ts';
import { MAX_PIXELS } from '../geometry/limits.ts';
import { checkLabels } from '../geometry/points.ts';
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

const kinds: Kinds<LabelMapOptions> = {
  shrinkRatio: below(0, 1),
  thresholdMin: between(0, 1),
  thresholdMax: between(0, 1),
  minimumSize: atLeast(0),
  distance: oneOf('authors', 'segment'),
  clipping: oneOf('authors', 'exact'),
};

/** The kinds of all that `labelMaps` takes. */
export const labelMapsKinds: Kinds<LabelMapsOptions> = {
  ...kinds,
  into: kind('an object', object.is),
  scratch: fillScratch,
};

/**
 * Fills in the defaults and checks every option. An option that is `undefined` counts as left out.
 *
 * @param name - of the options, where they are a part of others
 * @throws DBNetError `invalid-argument`, naming the option, what it may be, and what was found
 */
export function resolveLabelOptions(options: Partial<LabelMapOptions>, name?: string): LabelMapOptions {
  const given = name === undefined ? checkOptions(options, kinds) : checkRecord(name, options, kinds);
  const resolved: LabelMapOptions = { ...labelMapDefaults, ...given };
  const { thresholdMin, thresholdMax } = resolved;
  if (thresholdMax < thresholdMin) {
    throw invalid(
      name === undefined ? 'Option thresholdMax' : `${name}.thresholdMax`,
      `a number from thresholdMin (${thresholdMin}) to 1`,
      thresholdMax,
    );
  }
  return resolved;
}

/** The size of maps that fit into memory. @throws DBNetError `invalid-argument` */
export function checkMapSize(size: unknown): { width: number; height: number } {
  const { width, height } = checkSize('size', size);
  if (width * height <= MAX_PIXELS) return { width, height };
  throw mismatch('Option size', `at most ${MAX_PIXELS} pixels`, `${width} x ${height}`);
}

/** @throws DBNetError `invalid-argument` for anything but four arrays of `length` values. */
export function checkArrays(into: LabelArrays, length: number): void {
  for (const name of ['probability', 'probabilityMask', 'threshold', 'thresholdMask'] as const) {
    const map = check(`Option into.${name}`, into[name], typedArray('Float32Array'));
    if (map.length === length) continue;
    throw mismatch(`Option into.${name}`, `height * width = ${length} values`, `${map.length}`);
  }
}

/** @throws DBNetError `invalid-argument`, naming the polygon and the point. */
export function checkPolygons(polygons: readonly LabelPolygon[]): void {
  checkLabels('polygons', polygons);
  for (const [i, { points }] of polygons.entries()) {
    const problem = tooIntricate(points);
    if (problem !== undefined) throw new DBNetError('invalid-argument', `polygons[${i}].points: ${problem}.`);
  }
}
