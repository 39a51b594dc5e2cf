/** @file The nouns of a detector in a worker, where they are others than those of a detector on the page. */

import type { TextDetector } from '../detect/detector.ts';
import type { CreateOptions, DetectOptions, MapsOptions, StreamOptions } from '../detect/types.ts';
import type { dispose } from '../dispose.ts';
import type { ImageSource } from '../input/types.ts';
import type { Web } from '../web.ts';

/** What a `TextDetector` and a {@link WorkerDetector} do alike: for code that takes either. */
export interface Detector
  extends Pick<
    TextDetector,
    'info' | 'detect' | 'maps' | 'stream' | 'warmup' | 'tune' | 'dispose' | typeof dispose
  > {}

/** Every image but a `GPUTexture`, which stays with its device. */
export type WorkerImage = Exclude<ImageSource, GPUTexture>;

/** Options of {@link createWorkerDetector}. */
export interface WorkerCreateOptions extends Omit<CreateOptions, 'device' | 'gpu'> {
  /** A device cannot be sent to a worker: it opens one of its own. */
  device?: never;
  /** Nor can a `GPU`: the worker takes its own `navigator.gpu`. */
  gpu?: never;
  /** Gives the bytes of `weights` away instead of copying them. Default false. */
  transfer?: boolean;
  /**
   * Starts the worker where the package cannot, as under a policy of trusted types: its script is
   * `dist/dbnet-webgpu-worker-thread.min.js`, of type `module`. The detector ends it. Default: the file beside the package's own,
   * which bundlers find by themselves.
   */
  worker?: () => Web<'Worker'>;
}

/** An option of calls with an image. */
interface Transfer {
  /**
   * Gives the image away instead of copying it: a bitmap, a frame, or a pixel buffer that holds nothing else cannot be used
   * afterwards. Other images stay as they are. For raw pixels of large pictures, whose copy takes the page some milliseconds per
   * megapixel. Default false.
   */
  transfer?: boolean;
}

/** Options of {@link WorkerDetector.detect}. */
export interface WorkerDetectOptions extends DetectOptions, Transfer {}

/** Options of {@link WorkerDetector.maps}. */
export interface WorkerMapsOptions extends MapsOptions, Transfer {}

/** Options of {@link WorkerDetector.stream}. */
export interface WorkerStreamOptions extends StreamOptions, Transfer {}
