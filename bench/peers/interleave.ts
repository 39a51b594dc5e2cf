/** @file Who is sampled when: blocks in turn (A B C A B C), so that a slow minute of the machine hits all of them. */

/** How long, and how often. */
export interface Schedule {
  /** No round begins after this, milliseconds from the start, once every contender has its least samples. */
  budget: number;
  /** Samples per contender. */
  least: number;
  most: number;
  /** A fast contender is sampled several times in its turn: as often as fits, milliseconds. */
  turn: number;
}

/** One who is sampled. It keeps its samples itself. */
export interface Sampled {
  /** @returns milliseconds. */
  sample(): Promise<number>;
}

/**
 * Takes samples from all in turn. One that rejects is left out from then on; `sample` has to keep the reason.
 * A contender whose next sample would end beyond the budget, by its last one, waits while others go on.
 */
export async function interleave(
  contenders: readonly Sampled[],
  { budget, least, most, turn }: Schedule,
  now: () => number = () => performance.now(),
): Promise<void> {
  const start = now();
  const states = contenders.map((contender) => ({ contender, count: 0, last: 0, failed: false }));
  const wants = (state: (typeof states)[number]) =>
    !state.failed && (state.count < least || (state.count < most && now() - start + state.last <= budget));
  while (states.some(wants)) {
    for (const state of states) {
      const began = now();
      while (wants(state)) {
        try {
          state.last = await state.contender.sample();
          state.count++;
        } catch {
          state.failed = true;
        }
        if (now() - began + state.last > turn) break;
      }
    }
  }
}
