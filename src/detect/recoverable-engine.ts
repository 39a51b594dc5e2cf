/**
 * @file The engine of a detector, over losses of its device: it is made anew by the next call, and a call that the device was
 * too small for is made again for less.
 */

import { DBNetError } from '../errors.ts';
import type { GpuContext } from '../gpu/device.ts';
import { fitTexture } from '../input/crop.ts';
import type { ReadyImage } from '../input/image.ts';
import type { SmallerAfterLoss } from '../input/types.ts';
import type { PaddedSize } from '../size.ts';
import type { ComputeOptions, Engine, MappedMaps, MapRequest, Outputs } from './engine.ts';
import { lossWarning, smallerSize } from './smaller-size.ts';

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
   * An engine to compute with: at once, unless the device was lost. One that is lost with a device of the caller's says so when it
   * is used.
   * @throws DBNetError `disposed`; `no-webgpu` and others of `create()` where no other device is given: the next call tries again.
   */
  ready(): Engine | Promise<Engine> {
    const { lost, borrowed, memory } = this.#engine.context;
    memory.assertOpen();
    if (!lost || borrowed) return this.#engine;
    if (!this.#reopening) {
      this.#reopening = this.#replace().finally(() => {
        this.#reopening = undefined;
      });
      // Those who wait are told.
      this.#reopening.catch(() => {});
    }
    return this.#reopening;
  }

  /**
   * As `compute()` of an engine.
   * @param options.retries whether a smaller size is tried, once, where the device was lost unasked. What is tried again is the
   *   image as it was when this was called: one that is the call's own, not the caller's.
   */
  async compute(
    image: ReadyImage,
    size: PaddedSize,
    outputs: Outputs,
    request: MapRequest,
    { retries = false, ...options }: Omit<ComputeOptions, 'leave'> & { retries?: boolean },
  ): Promise<MappedMaps & { warning?: SmallerAfterLoss }> {
    /** What is to be closed in the end. */
    let own: ReadyImage | undefined = image;
    const attempt = (engine: Engine, from: ReadyImage, at: PaddedSize, leave?: ComputeOptions['leave']) => {
      const fitted = fitTexture(from, engine.context.device.limits.maxTextureDimension2D);
      own = undefined;
      return engine.compute(fitted, at, outputs, request, { ...options, leave });
    };
    try {
      const ready = this.ready();
      // The image counts as it is now.
      if ('then' in ready) own = await this.#engine.keep(image);
      const engine = 'then' in ready ? await ready : ready;
      const { context } = engine;
      const hold = (left: ReadyImage) => {
        if (isSpare(left)) own = left;
        else left.close?.();
      };
      try {
        return await attempt(engine, own, size, retries && !context.borrowed ? hold : undefined);
      } catch (error) {
        const next = own && isShortage(error, context) ? smallerSize(size) : undefined;
        if (!next) throw error;
        const mapped = await attempt(await this.ready(), own, next);
        return { ...mapped, warning: lossWarning(size, next) };
      }
    } finally {
      own?.close?.();
    }
  }

  /** Frees everything. */
  dispose(): void {
    this.#engine.dispose();
  }

  async #replace(): Promise<Engine> {
    const lost = this.#engine;
    const { memory } = lost.context;
    const engine = await this.#reopen().catch((error) => {
      memory.assertOpen();
      throw error;
    });
    if (memory.closed) engine.dispose();
    memory.assertOpen();
    lost.dispose();
    this.#engine = engine;
    this.#watch();
    return engine;
  }

  #watch(): void {
    const { context } = this.#engine;
    void context.device.lost.then(() => {
      if (context.lost) this.#onLost?.(context.lost.message);
    });
  }
}

/** Whether an image can be held for another try. Frames of a video are soon out of date, and a decoder has few. */
const isSpare = (image: ReadyImage): boolean =>
  !image.borrowed && !(image.kind !== 'pixels' && 'clone' in image.source);

/** A loss that nobody asked for. Browsers do not say why; what a call can do about it is to need less. */
const isShortage = (error: unknown, { lost }: GpuContext): boolean =>
  error instanceof DBNetError && error.code === 'device-lost' && lost?.reason === 'unknown';
