/** @file Long work in pieces, between which a page can answer its user. */

import type { Web } from './web.ts';

/** Milliseconds after which a piece ends: with what is still to be done in it, below the 50 of a long task. */
const pieceMs = 10;

/** Whoever has much to do calls `rest()` between its parts. */
export class Pace {
  readonly #signal: Web<'AbortSignal'> | undefined;
  #began = performance.now();

  constructor(signal?: Web<'AbortSignal'>) {
    this.#signal = signal;
  }

  /**
   * Lets others have their turn if the piece has lasted long enough.
   * @throws the signal's reason once it is aborted.
   */
  async rest(): Promise<void> {
    this.#signal?.throwIfAborted();
    if (performance.now() - this.#began < pieceMs) return;
    await giveWay();
    this.#signal?.throwIfAborted();
    this.#began = performance.now();
  }
}

/** What a generator returns, with a rest wherever it yields. */
export async function inPieces<T>(work: Generator<void, T>, pace = new Pace()): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await pace.rest();
  }
}

/** Ends the task; what follows is one of its own, which comes after those that wait already. */
async function giveWay(): Promise<void> {
  // Not a timer: browsers make those of hidden pages wait for a second. Nor `scheduler.yield()`: it goes on before timers.
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(undefined);
  });
  port1.close();
}
