/** @file Median and percentiles. */

export interface Summary {
  median: number;
  p10: number;
  p90: number;
  /** Number of samples. */
  samples: number;
}

/** Percentiles are interpolated between neighbours. @throws Error without samples. */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new Error('expected at least one sample, found none');
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (fraction: number) => {
    const place = fraction * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
  };
  return { median: at(0.5), p10: at(0.1), p90: at(0.9), samples: samples.length };
}
