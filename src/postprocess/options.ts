/** @file The options of post-processing: what they are if nothing is said, and what they may be. */

import { describe } from '../describe.ts';
import type { RegionOptions } from './types.ts';
import { checkObject, invalid } from './validate.ts';

/**
 * The defaults for a shape: threshold, box threshold and unclip ratio of the paper and its code, with the
 * larger ratio for polygons as there.
 */
export function regionDefaults(shape: RegionOptions['shape'] = 'quad'): RegionOptions {
  return {
    shape,
    threshold: 0.3,
    boxThreshold: 0.6,
    unclipRatio: shape === 'polygon' ? 2 : 1.5,
    maxCandidates: 1000,
    minSize: 3,
    score: 'fast',
  };
}

interface Rule {
  expected: string;
  test: (value: unknown) => boolean;
}

const oneOf = (...names: string[]): Rule => ({
  expected: names.map((name) => `'${name}'`).join(' or '),
  test: (value) => typeof value === 'string' && names.includes(value),
});

const between = (low: number, high: number): Rule => ({
  expected: `a number from ${low} to ${high}`,
  test: (value) => typeof value === 'number' && value >= low && value <= high,
});

const RULES: Record<keyof RegionOptions, Rule> = {
  shape: oneOf('quad', 'polygon'),
  threshold: between(0, 1),
  boxThreshold: between(0, 1),
  unclipRatio: between(0, 100),
  maxCandidates: {
    expected: 'a whole number of at least 1',
    test: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
  },
  minSize: {
    expected: 'a finite number of at least 0',
    test: (value) => Number.isFinite(value) && (value as number) >= 0,
  },
  score: oneOf('fast', 'slow'),
};

/**
 * Fills in the defaults and checks every option. An option that is `undefined` counts as left out.
 *
 * @throws DBNetError `invalid-argument`, naming the option, what it may be, and what was found
 */
export function resolveRegionOptions(options: Partial<RegionOptions> = {}): RegionOptions {
  checkObject('Post-processing options', options);
  const given: Partial<RegionOptions> = {};
  for (const [name, value] of Object.entries(options)) {
    if (!isOption(name)) {
      const known = Object.keys(RULES).join(', ');
      throw invalid(`Post-processing options: expected none but ${known}`, `"${name}"`);
    }
    if (value === undefined) continue;
    if (!RULES[name].test(value)) {
      throw invalid(`Option ${name}: expected ${RULES[name].expected}`, describe(value));
    }
    Object.assign(given, { [name]: value });
  }
  return { ...regionDefaults(given.shape), ...given };
}

function isOption(name: string): name is keyof RegionOptions {
  return Object.hasOwn(RULES, name);
}
