/**
 * @file Samples of several candidates, taken in turns (ABAB...), so that drifting clocks and temperatures meet all
 * of them alike.
 */

import { type Summary, summarize } from './statistics.ts';
import type { Timer, Work } from './timer.ts';

export interface SamplingOptions {
  /** Samples of each candidate. */
  samples: number;
  /** Each candidate is run for so long before the first sample, milliseconds. */
  warmUpMs: number;
  /**
   * A candidate that took this many times as long as the fastest while calibrating gets `fewSamples`: it will not
   * win, and on a software adapter it takes most of the time.
   */
  hopeless: number;
  fewSamples: number;
  signal?: AbortSignal;
}

export interface Sampled {
  /** Milliseconds of one repetition. */
  ms: Summary;
  /** Repetitions in each sample. */
  repetitions: number;
}

/** Samples that are none are taken again, but not forever. */
const maxFailures = 10;

/**
 * Times several works. The result has one entry per work; undefined where the clock gave no valid sample.
 */
export async function interleave(
  timer: Timer,
  works: readonly Work[],
  options: SamplingOptions,
): Promise<(Sampled | undefined)[]> {
  const candidates = [];
  for (const work of works) candidates.push(await start(timer, work, options));
  const fastest = Math.min(...candidates.map(({ first }) => first));
  for (const candidate of candidates) {
    if (candidate.first > options.hopeless * fastest) {
      candidate.wanted = Math.min(options.fewSamples, options.samples);
    }
  }
  while (candidates.some(isUnfinished)) {
    for (const candidate of candidates.filter(isUnfinished)) {
      options.signal?.throwIfAborted();
      const ms = await timer.sample(candidate.work, candidate.repetitions);
      if (ms === undefined) candidate.failures++;
      else candidate.times.push(ms);
    }
  }
  return candidates.map(({ times, repetitions }) =>
    times.length > 0 ? { ms: summarize(times), repetitions } : undefined,
  );
}

interface Candidate {
  work: Work;
  repetitions: number;
  /** Milliseconds of one repetition after the warm-up. */
  first: number;
  wanted: number;
  times: number[];
  failures: number;
}

const isUnfinished = ({ times, wanted, failures }: Candidate) =>
  times.length < wanted && failures < maxFailures;

async function start(timer: Timer, work: Work, { samples, warmUpMs }: SamplingOptions): Promise<Candidate> {
  let repetitions = await timer.calibrate(work);
  const begun = performance.now();
  while (performance.now() - begun < warmUpMs) await timer.sample(work, repetitions);
  // A warm clock is faster, so that a sample needs more repetitions.
  if (warmUpMs > 0) repetitions = await timer.calibrate(work);
  return {
    work,
    repetitions,
    first: (await timer.sample(work, repetitions)) ?? Number.POSITIVE_INFINITY,
    wanted: samples,
    times: [],
    failures: 0,
  };
}
