/** @file The engine of a detector, made anew when its device was lost. */

import type { Engine } from './engine.ts';

export class RecoverableEngine {
  readonly #reopen: () => Promise<Engine>;
  readonly #onLost: ((reason: string) => void) | undefined;
  #engine: Engine;
  #reopening: Promise<Engine> | undefined;

  /**
   * @param reopen an engine of the same network and weights on another device.
   * @param onLost told once of each loss, with the reason in the browser's words.
   */
  constructor(engine: Engine, reopen: () => Promise<Engine>, onLost?: (reason: string) => void) {
    this.#engine = engine;
    this.#reopen = reopen;
    this.#onLost = onLost;
    this.#watch();
  }

  /** The engine of now, which may be lost or disposed. */
  get current(): Engine {
    return this.#engine;
  }

  /**
   * An engine to compute with: at once, unless the device was lost. What is disposed, or lost with a device of the caller's,
   * says so when it is used.
   * @throws DBNetError `no-webgpu` and others of `create()` where no other device is given; the next call tries again.
   */
  ready(): Engine | Promise<Engine> {
    const { lost, borrowed, memory } = this.#engine.context;
    if (!lost || borrowed || memory.closed) return this.#engine;
    this.#reopening ??= this.#replace().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  /** Frees everything. */
  dispose(): void {
    this.#engine.dispose();
  }

  async #replace(): Promise<Engine> {
    const lost = this.#engine;
    const engine = await this.#reopen();
    const isDisposed = lost.context.memory.closed;
    lost.dispose();
    this.#engine = engine;
    if (isDisposed) engine.dispose();
    else this.#watch();
    return engine;
  }

  #watch(): void {
    const { context } = this.#engine;
    void context.device.lost.then(({ reason, message }) => {
      if (!context.memory.closed) this.#onLost?.(message || reason);
    });
  }
}
