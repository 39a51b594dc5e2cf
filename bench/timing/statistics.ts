/** @file Median and percentiles of samples. */

/** What is kept of many samples. */
export interface Summary {
  median: number;
  p10: number;
  p90: number;
  /** Number of samples. */
  samples: number;
}

/** Quantile `q` (0 to 1) of values in ascending order, linear between neighbours (type 7 of Hyndman and Fan). */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

/** Median, p10 and p90 of at least one value, in any order. */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error('there are no samples to summarize');
  const sorted = Float64Array.from(values).sort();
  return {
    median: quantile(sorted, 0.5),
    p10: quantile(sorted, 0.1),
    p90: quantile(sorted, 0.9),
    samples: sorted.length,
  };
}

/** The summary with every time replaced by `f` of it; `f` may fall, then p10 and p90 change places. */
export function mapSummary({ median, p10, p90, samples }: Summary, f: (value: number) => number): Summary {
  const [low, high] = [f(p10), f(p90)].sort((a, b) => a - b);
  return { median: f(median), p10: low, p90: high, samples };
}

/** Geometric mean of positive values. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
