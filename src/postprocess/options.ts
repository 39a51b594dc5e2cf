/** @file The options of post-processing: what they are if nothing is said, and what they may be. */

import { atLeast, between, check, checkOptions, type Kinds, oneOf, whole } from '../check.ts';
import type { RegionOptions } from './types.ts';

const shapes = oneOf('quad', 'polygon');

/**
 * The defaults for a shape: threshold, box threshold and unclip ratio of the paper and its code, with the
 * larger ratio for polygons as there.
 *
 * @throws DBNetError `invalid-argument` for another shape
 */
export function regionDefaults(shape: RegionOptions['shape'] = 'quad'): RegionOptions {
  check('shape', shape, shapes);
  return {
    shape,
    threshold: 0.3,
    boxThreshold: 0.6,
    unclipRatio: shape === 'polygon' ? 2 : 1.5,
    maxCandidates: 1000,
    minSize: 3,
    score: 'fast',
    simplify: 0.03,
  };
}

export const regionKinds: Kinds<RegionOptions> = {
  shape: shapes,
  threshold: between(0, 1),
  boxThreshold: between(0, 1),
  unclipRatio: between(0, 100),
  maxCandidates: whole(1),
  minSize: atLeast(0),
  score: oneOf('fast', 'slow'),
  simplify: between(0, 1),
};

/**
 * Fills in the defaults and checks every option. An option that is `undefined` counts as left out.
 *
 * @throws DBNetError `invalid-argument`, naming the option, what it may be, and what was found
 */
export function resolveRegionOptions(options: Partial<RegionOptions> = {}): RegionOptions {
  const given = checkOptions(options, regionKinds);
  return { ...regionDefaults(given.shape), ...given };
}
