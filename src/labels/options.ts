/** @file What label maps are made from: defaults, and checks of everything that is given. */

import {
  atLeast,
  below,
  between,
  check,
  checkOptions,
  checkRecord,
  invalid,
  type Kinds,
  kind,
  mismatch,
  object,
  oneOf,
  typedArray,
} from '../check.ts';
import { fillScratch } from '../geometry/fill-poly.ts';
import type { LabelArrays, LabelMapOptions, LabelMapsOptions } from './types.ts';

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

/** @throws DBNetError `invalid-argument` for anything but four arrays of `length` values. */
export function checkArrays(into: LabelArrays, length: number): void {
  for (const name of ['probability', 'probabilityMask', 'threshold', 'thresholdMask'] as const) {
    const map = check(`Option into.${name}`, into[name], typedArray('Float32Array'));
    if (map.length === length) continue;
    throw mismatch(`Option into.${name}`, `height * width = ${length} values`, `${map.length}`);
  }
}
