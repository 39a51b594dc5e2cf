/** @file The detector behind the page: made when it is needed, one at a time. */

import { type OnProgress, TextDetector } from 'dbnet-webgpu';
import type { Model } from './models.ts';

/** Short side on a software adapter, where the weights' own takes many seconds. */
export const softwareShortSide = 480;

export class Finder {
  #model: Model | undefined;
  #detector: Promise<TextDetector> | undefined;
  readonly #onProgress: OnProgress;

  constructor(onProgress: OnProgress) {
    this.#onProgress = onProgress;
  }

  /** The detector for a model; that of another is given up. @throws DBNetError as `TextDetector.create()`. */
  async open(model: Model): Promise<TextDetector> {
    if (this.#model === model && this.#detector) return this.#detector;
    const earlier = this.#detector;
    this.#model = model;
    const { weights } = model;
    const source = typeof weights === 'string' ? new URL(weights, document.baseURI).href : weights;
    const opening = (async () => {
      // One at a time: the memory of both may be more than there is.
      const old = await earlier?.catch(() => undefined);
      old?.dispose();
      return TextDetector.create({
        weights: source,
        // Whoever waits by now, it is for the newest.
        onProgress: (progress) => {
          if (this.#model === model) this.#onProgress(progress);
        },
      });
    })();
    this.#detector = opening;
    try {
      return await opening;
    } catch (error) {
      // The next call tries again.
      if (this.#detector === opening) this.#detector = undefined;
      throw error;
    }
  }
}
