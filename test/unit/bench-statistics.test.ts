/** @file Statistics of the benchmark, against values that R and NumPy give. */

import { describe, expect, it } from 'vitest';
import { geometricMean, mapSummary, quantile, summarize } from '../../bench/timing/statistics.ts';

describe('quantile', () => {
  it('interpolates between neighbours as type 7 does', () => {
    const values = [1, 2, 4, 8, 16];
    expect([0, 0.1, 0.25, 0.5, 0.9, 1].map((q) => quantile(values, q))).toEqual([1, 1.4, 2, 4, 12.8, 16]);
  });

  it('is the value where there is one only', () => {
    expect(quantile([7], 0.9)).toBe(7);
  });
});

describe('summarize', () => {
  it('takes samples in any order, by size and not by spelling', () => {
    expect(summarize([100, 9, 80, 10, 11])).toEqual({ median: 11, p10: 9.4, p90: 92, samples: 5 });
  });

  it('refuses no samples', () => {
    expect(() => summarize([])).toThrow(/no samples/);
  });
});

it('a falling map keeps p10 below p90', () => {
  const rate = mapSummary({ median: 2, p10: 1, p90: 4, samples: 3 }, (ms) => 8 / ms);
  expect(rate).toEqual({ median: 4, p10: 2, p90: 8, samples: 3 });
});

it('the geometric mean of a ratio and its inverse is 1', () => {
  expect(geometricMean([4, 0.25])).toBeCloseTo(1, 12);
});
