/** @file Taking turns: asynchronous work that must not overlap runs in the order in which it was asked for. */

export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  /** Work that runs or waits. */
  #unfinished = 0;

  /** True while nothing runs or waits: then work begins before `take()` returns. */
  get idle(): boolean {
    return this.#unfinished === 0;
  }

  /** Runs `work` when all work before it is done, failed or not; at once if there is none. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const begin = async () => await work();
    const { idle } = this;
    this.#unfinished++;
    const turn = idle ? begin() : this.#last.then(begin);
    const end = () => {
      this.#unfinished--;
    };
    this.#last = turn.then(end, end);
    return turn;
  }
}
