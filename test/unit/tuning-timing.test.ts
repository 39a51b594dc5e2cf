/** @file How the tuner and the benchmark take times, on clocks that are made up. */

import { describe, expect, it } from 'vitest';
import { slope, stepOf, summarize, type TurnOptions, takeTurns, type Work } from '../../src/tuning/timing.ts';

describe('the step of a clock', () => {
  it("is found where timestamps are rounded as in Chrome's", () => {
    const stamps = [3n, 4n, 10n, 11n, 17n].map((step) => step * 65_536n);
    expect(stepOf(stamps)).toBe(65_536);
  });

  it('is found from differences, whatever the start', () => {
    expect(stepOf([1_000_003n, 1_000_103n, 1_000_063n])).toBe(20);
  });

  it('is the coarsest known where all timestamps are equal, or far apart', () => {
    expect(stepOf([5n, 5n, 5n])).toBe(65_536);
    expect(stepOf([0n, 10_000_019n])).toBe(65_536);
  });
});

describe('the slope', () => {
  it('leaves out what does not grow with the repetitions', () => {
    expect(slope(10 + 8 * 2, 10 + 16 * 2, 8)).toBe(2);
  });

  it('is none where twice the work took no longer', () => {
    expect(slope(10, 10, 8)).toBeUndefined();
  });
});

describe('a summary', () => {
  it('takes samples in any order, and interpolates between neighbours as R and NumPy do', () => {
    expect(summarize([16, 2, 4, 8, 1])).toEqual({ median: 4, p10: 1.4, p90: 12.8, samples: 5 });
    expect(summarize([100, 9, 80, 10, 11])).toEqual({ median: 11, p10: 9.4, p90: 92, samples: 5 });
    expect(summarize([7])).toEqual({ median: 7, p10: 7, p90: 7, samples: 1 });
  });

  it('refuses no samples', () => {
    expect(() => summarize([])).toThrow(/no samples/);
  });
});

/** A timer whose works take what their label says, in milliseconds; `?` gives no valid sample. */
class FakeTimer {
  readonly taken: string[] = [];

  async calibrate({ label }: Work) {
    return { repetitions: 4, ms: label === '?' ? Number.POSITIVE_INFINITY : Number(label) };
  }

  async sample({ label }: Work): Promise<number | undefined> {
    this.taken.push(label);
    return label === '?' ? undefined : Number(label);
  }
}

const works = (...labels: string[]): Work[] => labels.map((label) => ({ label, encode: () => {} }));

const options: TurnOptions = { samples: 3, hopeless: Number.POSITIVE_INFINITY, fewSamples: 1 };

describe('samples in turns', () => {
  it('are taken from all alike', async () => {
    const timer = new FakeTimer();
    const sampled = await takeTurns(timer, works('1', '2'), options);
    expect(timer.taken).toEqual(['1', '2', '1', '2', '1', '2']);
    expect(sampled[1]).toEqual({ ms: { median: 2, p10: 2, p90: 2, samples: 3 }, repetitions: 4 });
  });

  it('are few of what is far behind', async () => {
    const sampled = await takeTurns(new FakeTimer(), works('1', '2', '9'), { ...options, hopeless: 4 });
    expect(sampled.map((one) => one?.ms.samples)).toEqual([3, 3, 1]);
  });

  it('are the least once it is late, and no fewer', async () => {
    const timer = new FakeTimer();
    const isLate = () => timer.taken.length > 1;
    const sampled = await takeTurns(timer, works('1', '2', '3'), { ...options, samples: 9, isLate });
    expect(sampled.map((one) => one?.ms.samples)).toEqual([1, 1, 1]);
    const least = { ...options, samples: 9, leastSamples: 2, isLate: () => true };
    const late = await takeTurns(new FakeTimer(), works('1', '2'), least);
    expect(late.map((one) => one?.ms.samples)).toEqual([2, 2]);
  });

  it('end where the clock gives none that are valid, and say so', async () => {
    const timer = new FakeTimer();
    const sampled = await takeTurns(timer, works('?', '1'), options);
    expect(sampled[0]).toBeUndefined();
    expect(sampled[1]?.ms.samples).toBe(3);
    expect(timer.taken.length).toBeLessThan(30);
  });

  it('stop when they are told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(takeTurns(new FakeTimer(), works('1'), { ...options, signal })).rejects.toThrow('enough');
  });
});
