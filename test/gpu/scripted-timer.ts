/** @file A timer that a test holds: kernels run and are compared, but their times are those of a script. */

import type { Work } from '../../src/tuning/timing.ts';
import type { TuningTimer } from '../../src/tuning/tune.ts';

/** Milliseconds of one run of what has this label: those of its kernels, joined; more than 0. */
export type Script = (label: string) => number;

/** Opens a timer whose time goes on by what runs take, and by 1 ms whenever it is looked at. */
export const scripted = (script: Script) => async (): Promise<TuningTimer> => {
  let now = 0;
  const take = (label: string) => {
    const ms = script(label);
    now += ms;
    return ms;
  };
  return {
    now: () => ++now,
    calibrate: async ({ label }: Work) => ({ repetitions: 1, ms: take(label) }),
    sample: async ({ label }: Work) => take(label),
    destroy() {},
  };
};

/**
 * Runs `work` with a `performance.now()` that `jump` sets forward, so that a test says when the time of something is
 * up, however fast the machine is.
 * @param stands whether it stands still otherwise.
 */
export async function withClock<T>(
  work: (jump: (ms: number) => void) => Promise<T>,
  { stands = false } = {},
): Promise<T> {
  const real = performance.now.bind(performance);
  const begin = real();
  let ahead = 0;
  const now = () => (stands ? begin : real()) + ahead;
  Object.defineProperty(performance, 'now', { value: now, configurable: true });
  try {
    return await work((ms) => {
      ahead += ms;
    });
  } finally {
    // The one of the prototype is seen again.
    Reflect.deleteProperty(performance, 'now');
  }
}
