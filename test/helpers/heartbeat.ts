/**
 * @file Tells what is slow from what is dead. No test has a time of its own, which a loaded machine would use up: a
 * wait fails when nothing was heard for minutes of what is waited for.
 */

/** Milliseconds between ticks. */
const TICK_MS = 1000;

/** Ticks without a sign of life after which what is waited for is taken for dead: five minutes. */
const SILENT_TICKS = 300;

/** Waits that end with an error once nothing was heard for a number of ticks. */
export class Heartbeat {
  readonly #silentTicks: number;
  #silent = 0;
  /** The innermost last. */
  readonly #waits: ((error: Error) => void)[] = [];

  constructor(silentTicks: number) {
    this.#silentTicks = silentTicks;
  }

  /** A sign of life. */
  beat(): void {
    this.#silent = 0;
  }

  /** Called by a timer. Ticks count, not the clock: a process that gets no time to run, or computes, does not tick. */
  tick(): void {
    const fail = this.#waits.at(-1);
    this.#silent += 1;
    if (fail === undefined || this.#silent < this.#silentTicks) return;
    this.#silent = 0;
    // Those around it go on: they may start anew what is dead.
    fail(new Error(`no sign of life for ${(this.#silentTicks * TICK_MS) / 1000} s`));
  }

  /** What the work gives, or an error when it shows no sign of life. Waits may stand in waits. */
  async whileAlive<T>(work: () => T | Promise<T>): Promise<T> {
    let fail: (error: Error) => void = () => {};
    const silence = new Promise<never>((_, reject) => {
      fail = reject;
    });
    this.#waits.push(fail);
    this.beat();
    try {
      return await Promise.race([work(), silence]);
    } finally {
      this.#waits.splice(this.#waits.indexOf(fail), 1);
      this.beat();
    }
  }
}

/** That of this process. */
const heartbeat = new Heartbeat(SILENT_TICKS);
setInterval(() => heartbeat.tick(), TICK_MS).unref();

/** Tells that what is waited for is alive. */
export const beat = (): void => heartbeat.beat();

/** See {@link Heartbeat.whileAlive}. */
export const whileAlive = <T>(work: () => T | Promise<T>): Promise<T> => heartbeat.whileAlive(work);
