/** @file A stopwatch that a test holds: kernels run and are compared, but their times are those of a script. */

import type { Kernel } from '../../src/kernels/kernel.ts';
import type { GpuContext } from '../../src/runtime/gpu-context.ts';
import { type Commands, GpuStopwatch, type Stopwatch } from '../../src/tuning/stopwatch.ts';

/** Milliseconds of one run of kernels that are timed together; more than 0. */
export type Script = (kernels: readonly Kernel[]) => number;

/** Opens a stopwatch whose time goes on by what runs take, and by 1 ms whenever it is looked at. */
export const scripted =
  (script: Script) =>
  async (context: GpuContext): Promise<Stopwatch> => {
    const stopwatch = await GpuStopwatch.open(context);
    let now = 0;
    return {
      now: () => ++now,
      minSampleMs: Number.MIN_VALUE,
      async run(commands: Commands) {
        const { word } = await stopwatch.run(commands);
        const ms = (commands.repetitions ?? 1) * script(commands.timed.map(({ kernel }) => kernel));
        now += ms;
        return { ms, word };
      },
      destroy: () => stopwatch.destroy(),
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
