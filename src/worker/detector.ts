/// <reference lib="esnext.disposable" preserve="true" />
/** @file A detector whose work is done in a worker: the page's side of it. */

import { abortSignal, boolean, callback, check, mismatch, record } from '../check.ts';
import type { TextDetector } from '../detect/detector.ts';
import type {
  Detection,
  DetectionWithMaps,
  DetectorInfo,
  Maps,
  OnProgress,
  StreamedDetection,
  TuneOptions,
  TuningReport,
} from '../detect/types.ts';
import { dispose } from '../dispose.ts';
import { DBNetError } from '../errors.ts';
import type { FrameStream, ImageSource, SizeOption } from '../input/types.ts';
import { loadModule } from '../load-module.ts';
import type { Web } from '../web.ts';
import { Connection } from './connection.ts';
import { packImage } from './images.ts';
import type { Crossing, CrossingImage } from './protocol.ts';
import { startWorker } from './start.ts';
import type {
  Detector,
  WorkerCreateOptions,
  WorkerDetectOptions,
  WorkerImage,
  WorkerMapsOptions,
  WorkerStreamOptions,
} from './types.ts';
import { packWeights } from './weights.ts';

/**
 * A detector in a worker of its own: the page is free while it decodes, computes and finds regions. It does what a
 * `TextDetector` does and takes the same, but for what cannot be sent: the device is the worker's, and a `GPUTexture` is
 * refused. Images are sent as they are when a call is made: bitmaps and frames as other handles of the same, pixels as copies, unless
 * `transfer` gives them away; maps come back without a copy. All calls also fail with `worker-failed`, should the worker end by an error.
 *
 * @example
 * import { createWorkerDetector } from 'dbnet-webgpu/worker';
 * import weights from 'dbnet-webgpu/weights';
 *
 * const detector = await createWorkerDetector({ weights });
 * const bitmap = await createImageBitmap(document.querySelector('canvas')!);
 * const { regions } = await detector.detect(bitmap, { transfer: true });
 * detector.dispose();
 */
export class WorkerDetector implements Detector {
  readonly #connection: Connection;

  /** @internal */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get info(): DetectorInfo {
    return this.#connection.info;
  }

  /** Bytes of GPU memory that the detector holds at the moment, by use. @throws DBNetError `disposed`, `worker-failed` */
  async memory(): Promise<TextDetector['memory']> {
    return await this.#connection.call('memory', { value: {}, transfer: [] });
  }

  async detect(image: WorkerImage, options: WorkerDetectOptions & { maps: true }): Promise<DetectionWithMaps>;
  async detect(image: WorkerImage, options?: WorkerDetectOptions): Promise<Detection>;
  async detect(image: WorkerImage, options: WorkerDetectOptions = {}): Promise<Detection> {
    const { sent, hooks } = this.#pack(image, options);
    return await this.#connection.call('detect', sent, hooks);
  }

  async maps(image: WorkerImage, options: WorkerMapsOptions = {}): Promise<Maps> {
    const { sent, hooks } = this.#pack(image, options);
    return await this.#connection.call('maps', sent, hooks);
  }

  async *stream(
    source: FrameStream<WorkerImage>,
    options: WorkerStreamOptions = {},
  ): AsyncGenerator<StreamedDetection, void, undefined> {
    const { inFlight, signal, ...each } = check('options', options, record) as WorkerStreamOptions;
    if (signal !== undefined) check('Option signal', signal, abortSignal);
    const { streamDetections } = await loadModule(import('../detect/stream.ts'));
    const detect = (image: ImageSource, ending: Web<'AbortSignal'>) =>
      this.detect(image as WorkerImage, { ...each, signal: ending });
    yield* streamDetections(source, detect, { inFlight, software: this.info.software, signal });
  }

  async warmup(size?: SizeOption, options?: Parameters<Detector['warmup']>[1]): Promise<void> {
    await this.#connection.call('warmup', { value: { size, options }, transfer: [] });
  }

  async tune(size?: SizeOption, options: TuneOptions = {}): Promise<TuningReport> {
    const { hooks, rest } = split(options);
    return await this.#connection.call('tune', { value: { size, options: rest }, transfer: [] }, hooks);
  }

  /** Ends the worker, which frees all memory. Calls under way reject with `disposed`; the detector cannot be used afterwards. */
  dispose(): void {
    this.#connection.close(new DBNetError('disposed', 'the detector was disposed: create a new one'));
  }

  /** For `using`: as `dispose()`. */
  declare [Symbol.dispose]: () => void;

  static {
    WorkerDetector.prototype[dispose] = function () {
      this.dispose();
    };
  }

  /** All that is read of an image is read before this returns. */
  #pack(image: WorkerImage, options: WorkerDetectOptions) {
    const { hooks, transfer, rest } = split(options);
    this.#connection.assertOpen();
    const packed = packImage(image, transfer);
    const withOptions = ({ value, ...crossing }: Crossing<CrossingImage>) => ({
      ...crossing,
      value: { image: value, options: rest },
    });
    return { sent: 'then' in packed ? packed.then(withOptions) : withOptions(packed), hooks };
  }
}

/**
 * Starts a worker with a detector in it, as `TextDetector.create()` makes one on the page. Addresses of weights are relative to the
 * page, and the bytes of weights are copied, unless `transfer` gives them away; a `Response` is given away in any case. For
 * browsers and Deno; Node has no such workers.
 * @throws DBNetError as `TextDetector.create()`; `load-failed` also where the worker's script cannot be loaded, `worker-failed`
 *   where there are no workers, `invalid-argument` for a `device` or a `gpu`; the signal's reason.
 * @example
 * import { createWorkerDetector } from 'dbnet-webgpu/worker';
 * import weights from 'dbnet-webgpu/weights';
 *
 * const detector = await createWorkerDetector({ weights });
 * const { regions } = await detector.detect(document.querySelector('img')!);
 */
export async function createWorkerDetector(options: WorkerCreateOptions): Promise<WorkerDetector> {
  const { hooks, transfer, rest } = split(options ?? {});
  const { worker: start = startWorker, weights, onDeviceLost, device, gpu, ...others } = rest;
  for (const [name, value] of Object.entries({ device, gpu })) {
    if (value === undefined) continue;
    const expected = 'none, since it cannot be sent to a worker, which opens a device of its own';
    throw mismatch(`Option ${name}`, expected, 'one: leave it out, or use TextDetector');
  }
  check('Option worker', start, callback);
  if (onDeviceLost !== undefined) check('Option onDeviceLost', onDeviceLost, callback);
  const connection = new Connection(start(), onDeviceLost);
  try {
    const sent = packWeights(weights, transfer, hooks.signal).then(({ value, ...packed }) => ({
      ...packed,
      value: { weights: value, options: others },
    }));
    await connection.call('create', sent, hooks);
  } catch (error) {
    connection.close(error);
    throw error;
  }
  return new WorkerDetector(connection);
}

/**
 * What of a call's options stays on the page, and what the worker gets.
 * @throws DBNetError `invalid-argument`; the signal's reason, if it is aborted.
 */
function split<T extends { onProgress?: OnProgress; signal?: Web<'AbortSignal'>; transfer?: boolean }>(
  options: T,
) {
  const { onProgress, signal, transfer = false, ...rest } = check('options', options, record) as T;
  if (onProgress !== undefined) check('Option onProgress', onProgress, callback);
  if (signal !== undefined) check('Option signal', signal, abortSignal);
  check('Option transfer', transfer, boolean);
  signal?.throwIfAborted();
  return { hooks: { onProgress, signal }, transfer, rest };
}
