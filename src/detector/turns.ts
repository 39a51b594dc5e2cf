/** @file Taking turns: asynchronous work that must not overlap runs in the order in which it was asked for. */

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all work before it is done, failed or not. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
