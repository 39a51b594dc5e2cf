/** @file How the benchmark takes times, on clocks that are made up. */

import { describe, expect, it } from 'vitest';
import { interleave, type SamplingOptions } from '../../bench/timing/interleave.ts';
import { stepOf } from '../../bench/timing/quantum.ts';
import { slope } from '../../bench/timing/slope-timer.ts';
import type { Timer, Work } from '../../bench/timing/timer.ts';

describe('the step of a clock', () => {
  it("is found where timestamps are rounded as in Chrome's", () => {
    const stamps = [3n, 4n, 10n, 11n, 17n].map((step) => step * 65_536n);
    expect(stepOf(stamps)).toBe(65_536);
  });

  it('is found from differences, whatever the start', () => {
    expect(stepOf([1_000_003n, 1_000_103n, 1_000_063n])).toBe(20);
  });

  it('is the coarsest known where all timestamps are equal', () => {
    expect(stepOf([5n, 5n, 5n])).toBe(65_536);
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

/** A timer whose works take what their label says, in milliseconds; `?` gives no valid sample. */
class FakeTimer implements Timer {
  readonly method = 'timestamp';
  readonly taken: string[] = [];

  async calibrate(): Promise<number> {
    return 4;
  }

  async sample({ label }: Work): Promise<number | undefined> {
    this.taken.push(label);
    return label === '?' ? undefined : Number(label);
  }

  destroy(): void {}
}

const works = (...labels: string[]): Work[] => labels.map((label) => ({ label, encode: () => {} }));

const options: SamplingOptions = {
  samples: 3,
  warmUpMs: 0,
  hopeless: Number.POSITIVE_INFINITY,
  fewSamples: 1,
};

describe('interleaving', () => {
  it('takes samples in turns', async () => {
    const timer = new FakeTimer();
    const sampled = await interleave(timer, works('1', '2'), options);
    // The first of each is the end of the warm-up.
    expect(timer.taken).toEqual(['1', '2', '1', '2', '1', '2', '1', '2']);
    expect(sampled[1]).toEqual({ ms: { median: 2, p10: 2, p90: 2, samples: 3 }, repetitions: 4 });
  });

  it('takes few samples of what is far behind', async () => {
    const sampled = await interleave(new FakeTimer(), works('1', '2', '9'), { ...options, hopeless: 4 });
    expect(sampled.map((one) => one?.ms.samples)).toEqual([3, 3, 1]);
  });

  it('ends where the clock gives no valid samples, and says so', async () => {
    const timer = new FakeTimer();
    const sampled = await interleave(timer, works('?', '1'), options);
    expect(sampled[0]).toBeUndefined();
    expect(sampled[1]?.ms.samples).toBe(3);
    expect(timer.taken.length).toBeLessThan(30);
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(interleave(new FakeTimer(), works('1'), { ...options, signal })).rejects.toThrow('enough');
  });
});
