/// <reference lib="esnext.disposable" preserve="true" />
/** @file The public face: an image in, regions of text out. */

import { runsOn } from '../adapter-name.ts';
import { check, checkOptions, checkSize, mismatch } from '../check.ts';
import { dispose } from '../dispose.ts';
import { DBNetError } from '../errors.ts';
import { computerOf, findAdapter } from '../gpu/device.ts';
import { Slots } from '../gpu/slots.ts';
import { white } from '../input/background.ts';
import { checkRegion, crop } from '../input/crop.ts';
import { type ReadyImage, readImage } from '../input/image.ts';
import type { Recipe } from '../input/recipe.ts';
import { checkSize as checkSizeOption, networkSize, shrinkWarning } from '../input/size.ts';
import { nominalSide } from '../input/size-rule.ts';
import type { FrameStream, ImageSource, SizeOption } from '../input/types.ts';
import { loadModule } from '../load-module.ts';
import { whereShippedWeightsAre } from '../models/open-weights.ts';
import { resolveRegionOptions } from '../postprocess/options.ts';
import type { RegionScratch } from '../postprocess/region-scratch.ts';
import type { RegionOptions, RegionResult } from '../postprocess/types.ts';
import type { Box, PaddedSize, Size } from '../size.ts';
import type { Web } from '../web.ts';
import type { MappedMaps } from './engine.ts';
import { openEngine, usualSource } from './open.ts';
import {
  createKinds,
  detectKinds,
  mapsKinds,
  streamKinds,
  supportKinds,
  tuneKinds,
  type WarmupOptions,
  warmupChannels,
  warmupKinds,
} from './options.ts';
import type { RecoverableEngine } from './recoverable-engine.ts';
import type {
  CreateOptions,
  Detection,
  DetectionWithMaps,
  DetectOptions,
  DetectorInfo,
  Maps,
  MapsOptions,
  OnProgress,
  StreamedDetection,
  StreamOptions,
  Support,
  TuneOptions,
  TuningReport,
} from './types.ts';

/**
 * Finds text in images with DBNet ("Real-time Scene Text Detection with Differentiable Binarization"), on WebGPU.
 * Calls may overlap; they take turns on the device. When the device is lost, calls that are under way fail with `device-lost` (see
 * `detect()` for an exception), and the next one opens another device, from the weights in memory; not so with a device of the caller's.
 *
 * @example
 * const detector = await TextDetector.create({ weights: 'db-resnet18.safetensors' });
 * const { regions } = await detector.detect(document.querySelector('img')!);
 */
export class TextDetector {
  readonly #engine: RecoverableEngine;
  readonly #weights: DetectorInfo['weights'];
  readonly #recipe: Recipe;
  readonly #postprocess: Postprocess;
  readonly #scratch: RegionScratch;
  readonly #decoding = new Slots(decodedAtOnce);

  private constructor(
    engine: RecoverableEngine,
    recipe: Recipe,
    postprocess: Postprocess,
    weights: DetectorInfo['weights'],
  ) {
    this.#engine = engine;
    this.#recipe = recipe;
    this.#postprocess = postprocess;
    this.#scratch = postprocess.createRegionScratch();
    this.#weights = weights;
  }

  /** What it runs on, now, and with which weights. */
  get info(): DetectorInfo {
    const { context, precision, warnings } = this.#engine.current;
    const { adapter, software } = context;
    return {
      ...{ runsOn: runsOn(context), adapter, software, precision, weights: this.#weights },
      warnings: warnings.map((message) => ({ code: 'kernel-replaced', message })),
    };
  }

  /**
   * Whether a detector can be made here, and if not why: for a page that offers something else then, before any weights are
   * loaded; and on what it would compute. Opens no device.
   * @param options.gpu as for `create()`.
   * @throws DBNetError `invalid-argument` for wrong options alone.
   * @example
   * const support = await TextDetector.isSupported();
   * if (!support.supported) document.querySelector('output').textContent = support.message;
   */
  static async isSupported(options: Pick<CreateOptions, 'gpu'> = {}): Promise<Support> {
    const { gpu } = checkOptions(options, supportKinds);
    const found = await findAdapter(gpu);
    if (!('reason' in found)) {
      const on = computerOf(found.adapter.info, found.adapter);
      return { supported: true, runsOn: runsOn(on), software: on.software };
    }
    const { reason, message } = found;
    return { supported: false, reason, message };
  }

  /**
   * Loads weights, opens a device and compiles what the first frame of the default size needs, side by side. It takes
   * pauses, so that a page stays responsive. The bytes of the weights stay in memory of JavaScript, too: new sizes, tuning and
   * another device after a loss are served from there.
   * @example
   * import weights from 'dbnet-webgpu/weights'; // the shipped ones
   * const detector = await TextDetector.create({ weights });
   * @throws DBNetError `no-webgpu`, `load-failed`, `checksum-mismatch`, `invalid-safetensors`, `invalid-onnx`,
   *   `invalid-checkpoint`, `unsupported-dtype`, `incompatible-weights`, `invalid-argument`, `unsupported-precision`,
   *   `gpu-error`, `device-lost`; the signal's reason.
   */
  static async create(options: CreateOptions): Promise<TextDetector> {
    const given = checkOptions(options ?? {}, createKinds) as CreateOptions;
    const { weights, tune, onProgress, signal } = given;
    if (weights === undefined) {
      const expected = `an address, a Response, a Blob or bytes (${whereShippedWeightsAre})`;
      throw mismatch('Option weights', expected, 'none');
    }
    signal?.throwIfAborted();
    const modules = Promise.all([
      loadModule(import('../postprocess/index.ts')),
      loadModule(import('./recoverable-engine.ts')),
    ]);
    modules.catch(() => {}); // Awaited once there is an engine.
    const { engine, checkpoint, recipe, reopen } = await openEngine(given);
    try {
      const [postprocess, { RecoverableEngine }] = await modules;
      signal?.throwIfAborted();
      const { architecture, parameterCount, metadata } = checkpoint;
      const recoverable = new RecoverableEngine(engine, reopen, given.onDeviceLost);
      const detector = new TextDetector(recoverable, recipe, postprocess, {
        architecture,
        parameters: parameterCount,
        hasThresholdHead: engine.has('PTB'),
        input: recipe.input,
        size: recipe.size,
        metadata: { ...metadata },
      });
      if (tune === 'full' && !engine.isTuned(networkSize(undefined, undefined, recipe.size))) {
        await detector.tune(undefined, { onProgress, signal });
      }
      return detector;
    } catch (error) {
      engine.context.close();
      throw error;
    }
  }

  /**
   * Bytes of GPU memory that the detector holds at the moment, by use; all 0 after `dispose()`. However many sizes follow one
   * another, `activations` is that of the largest size that is kept ({@link CreateOptions.maxCachedSizes}), `readback` that of
   * its results, four times if so many calls overlap, and `input` that of the largest image: of raw pixels and of one that the
   * browser copies, if both come. It goes down when a size gives way to others.
   */
  get memory(): { weights: number; activations: number; readback: number; input: number } {
    return this.#engine.current.memory;
  }

  /**
   * Finds the regions of text in an image, in pixels of the image. The image counts as it is when this is called: the
   * caller may change it as soon as it has the promise. Of raw pixels, canvases and bitmaps a call that has to wait for
   * others keeps a copy; 512 MiB of such copies may wait, one call more is refused as `busy`. Blobs wait undecoded, as
   * many as you like.
   *
   * A device that is lost though nobody destroyed it is taken for too small: the call goes on once with another one and a network of
   * 0.7 times the sides, and `network` and a warning (`smaller-after-loss`) say so. It needs the picture as it was, so it is for blobs,
   * `<img>`, and pixels, canvases and bitmaps of calls that waited, as the first of each size does; not for frames of a video, for
   * `split`, whose parts are small, nor with a device of the caller's.
   * @throws DBNetError `invalid-image`, `busy`, `invalid-argument`, `limit-exceeded`, `missing-threshold-head` (for
   *   `binarize: 'B'`), `incompatible-weights` where the network's result is not finite, `disposed`, `device-lost`, `gpu-error`; the signal's reason.
   */
  async detect(image: ImageSource, options: DetectOptions & { maps: true }): Promise<DetectionWithMaps>;
  async detect(image: ImageSource, options?: DetectOptions): Promise<Detection>;
  async detect(image: ImageSource, options: DetectOptions = {}): Promise<Detection> {
    const start = performance.now();
    const {
      size,
      regionOfInterest,
      binarize = 'P',
      maps: wantsMaps = false,
      split = false,
      background = white,
      onProgress,
      signal,
      ...rest
    } = checkOptions(options, detectKinds);
    checkSizeOption(size);
    if (split && size)
      throw mismatch('Option size', 'none beside split: it runs at the scale of the image', 'one');
    if (split && wantsMaps) throw mismatch('Option maps', 'false beside split', 'true');
    const regionOptions = this.#regionOptions(rest);
    if (binarize === 'B') this.#needThresholdHead("binarize: 'B'");
    signal?.throwIfAborted();

    const prepared = this.#prepare(image, size, regionOfInterest);
    const { ready, place: target, image: source, network } = 'then' in prepared ? await prepared : prepared;
    const names = wantsMaps ? this.#mapNames : [];
    // The mask is all that is seen of B otherwise, and what is not finite is no text in it.
    const looked = new Set<MapName>([...(binarize === 'B' ? (['B'] as const) : []), ...names]);
    const compute = async (
      part: ReadyImage,
      partSize: PaddedSize,
      report: OnProgress | undefined,
      retries?: boolean,
    ) => {
      const mapped = await this.#engine.compute(
        part,
        partSize,
        binarize === 'B' || names.includes('T') ? 'PTB' : 'P',
        {
          read: [...new Set(['P', ...looked, 'mask'] as const)],
          mask: { of: binarize, threshold: regionOptions.threshold },
          background,
        },
        { onProgress: report, signal, retries },
      );
      try {
        this.#checkFinite(mapped, looked);
        return mapped;
      } catch (error) {
        mapped.release();
        throw error;
      }
    };
    // Parts with shorter sides would be mostly border.
    const side = Math.max(nominalSide(this.#recipe.size), 512);
    const inParts = split && Math.max(target.width, target.height) > side;
    const computed = inParts
      ? await this.#computeInParts(ready, side, compute, onProgress)
      : await compute(ready, network, onProgress, true).then((mapped) => ({
          mapped,
          network: mapped.size,
          timings: mapped.timings,
        }));
    const mappedAt = performance.now();
    let began: number;
    let found: RegionResult;
    let ended: number;
    let maps: Maps | undefined;
    try {
      onProgress?.({ stage: 'postprocess', done: 0, total: 1 });
      const map =
        'map' in computed
          ? computed.map
          : { data: computed.mapped.float32('P'), mask: computed.mapped.words('mask'), ...computed.network };
      if (wantsMaps && 'mapped' in computed) maps = copyMaps(computed.mapped, names);
      began = performance.now();
      found = this.#assertFinite(() =>
        this.#postprocess.findRegions(map, { ...regionOptions, target }, this.#scratch),
      );
      ended = performance.now();
    } finally {
      if ('mapped' in computed) computed.mapped.release();
    }
    const released = performance.now();
    onProgress?.({ stage: 'postprocess', done: 1, total: 1 });
    const warnings =
      'map' in computed
        ? []
        : [shrinkWarning(target, network, size, this.#recipe.size), computed.mapped.warning];
    return {
      ...found,
      ...source,
      network: computed.network,
      warnings: warnings.filter((warning) => warning !== undefined),
      timings: {
        ...computed.timings,
        readback: began - mappedAt + (released - ended),
        postprocess: ended - began,
        total: performance.now() - start,
      },
      runsOn: runsOn(this.#engine.current.context),
      ...(maps && { maps }),
    };
  }

  /**
   * The maps of an image, at network resolution: P, T and B, or P alone where the weights have no threshold head.
   * @throws DBNetError as `detect()`.
   */
  async maps(image: ImageSource, options: MapsOptions = {}): Promise<Maps> {
    const {
      size,
      regionOfInterest,
      background = white,
      onProgress,
      signal,
    } = checkOptions(options, mapsKinds);
    checkSizeOption(size);
    signal?.throwIfAborted();
    const prepared = this.#prepare(image, size, regionOfInterest);
    const { ready, network } = 'then' in prepared ? await prepared : prepared;
    const names = this.#mapNames;
    const mapped = await this.#engine.compute(
      ready,
      network,
      names.includes('T') ? 'PTB' : 'P',
      { read: names, background },
      { onProgress, signal },
    );
    try {
      this.#checkFinite(mapped, names);
      return copyMaps(mapped, names);
    } finally {
      mapped.release();
    }
  }

  /**
   * Detections of a live source: as many frames on their way as help, the newest next, those that come too late skipped and
   * counted. `break`, the signal and an error end it at once; the source is left playing, a `ReadableStream` is cancelled. So does
   * the loss of the device (`device-lost`): a new stream opens another.
   *
   * @example
   * for await (const { regions, skipped } of detector.stream(video)) draw(regions);
   *
   * @throws DBNetError `invalid-argument`; while it runs what `detect()` throws, and what the source fails with.
   */
  async *stream(
    source: FrameStream,
    options: StreamOptions = {},
  ): AsyncGenerator<StreamedDetection, void, undefined> {
    const { inFlight, ...each } = checkOptions(options, streamKinds);
    const { streamDetections } = await loadModule(import('./stream.ts'));
    const detect = (image: ImageSource, signal: Web<'AbortSignal'>) =>
      this.detect(image, { ...each, signal });
    yield* streamDetections(source, detect, {
      inFlight,
      software: this.#engine.current.context.software,
      signal: each.signal,
    });
  }

  /**
   * Compiles all shaders for a size, so that the first frame of that size is as fast as the others.
   * A bound on the sides says nothing without an image: give `{ width, height }`, or the size of an image to come.
   * @param options.image width and height of the images, where `size` is a bound (default: square).
   * @param options.outputs `PTB` for `maps()` and `binarize: 'B'` of weights with both heads; default `P`.
   * @throws DBNetError `invalid-argument`, `limit-exceeded`, `missing-threshold-head` (for `PTB`), `gpu-error`, `disposed`,
   *   `device-lost`.
   */
  async warmup(size?: SizeOption, options: WarmupOptions = {}): Promise<void> {
    const { image, outputs = 'P' } = checkOptions(options, warmupKinds);
    if (image !== undefined) checkSize('Option image', image);
    const { channels = usualSource() } = image ?? {};
    check('Option image.channels', channels, warmupChannels);
    if (outputs === 'PTB') this.#needThresholdHead("outputs: 'PTB'");
    const network = networkSize(image, size, this.#recipe.size);
    await (await this.#engine.ready()).warmup(network, outputs, channels, {});
  }

  /**
   * Finds by measuring which tiles are the fastest for the convolutions on this device, and where Winograd's filtering
   * is faster than any (in f32), keeps that in the user's cache folder (Node, Deno) or in IndexedDB, and uses it from
   * then on. Other calls wait until it is done. It takes about as much GPU memory as the activations of that size and
   * the weights, and gives it back.
   * @param size as for `detect()`; a bound on the sides stands for a square. Sizes that are less than twice as large
   *   or small profit as well.
   * @throws DBNetError `invalid-argument`, `gpu-error`, `disposed`, `device-lost`; the signal's reason.
   */
  async tune(size?: SizeOption, options: TuneOptions = {}): Promise<TuningReport> {
    const { budgetMs, onProgress, signal } = checkOptions(options, tuneKinds);
    const network = networkSize(undefined, size, this.#recipe.size);
    signal?.throwIfAborted();
    return await (await this.#engine.ready()).tune(network, { budgetMs, onProgress, signal });
  }

  /** Frees all GPU memory. A device that was passed in stays as it is. The detector cannot be used afterwards. */
  dispose(): void {
    this.#engine.dispose();
  }

  /** For `using`: as `dispose()`. */
  declare [Symbol.dispose]: () => void;

  static {
    TextDetector.prototype[dispose] = function () {
      this.dispose();
    };
  }

  /** The image as it can be uploaded, and the network's size for it; at once, unless the image has to be decoded. */
  #prepare(
    image: ImageSource,
    size: SizeOption | undefined,
    regionOfInterest: Box | undefined,
  ): Prepared | Promise<Prepared> {
    const { device, borrowed } = this.#engine.current.context;
    const withSize = (whole: ReadyImage): Prepared => {
      try {
        const part = regionOfInterest === undefined ? undefined : checkRegion(regionOfInterest, whole);
        const ready = part ? crop(whole, part) : whole;
        const place = part ?? { x: 0, y: 0, width: whole.width, height: whole.height };
        return {
          ready,
          image: { width: whole.width, height: whole.height },
          place,
          network: networkSize(place, size, this.#recipe.size),
        };
      } catch (error) {
        whole.close?.();
        throw error;
      }
    };
    const read = readImage(image, {
      copiesImages:
        typeof device.queue.copyExternalImageToTexture === 'function' &&
        typeof createImageBitmap === 'function',
      importsFrames: typeof device.importExternalTexture === 'function' && typeof VideoFrame === 'function',
      bindsTextures: borrowed,
      decoding: this.#decoding,
    });
    return 'then' in read ? read.then(withSize) : withSize(read);
  }

  /** The maps that the weights give. */
  get #mapNames(): readonly MapName[] {
    return this.#weights.hasThresholdHead ? ['P', 'T', 'B'] : ['P'];
  }

  /** The image counts as it is when this is called, though its parts are computed later. */
  async #computeInParts(
    image: ReadyImage,
    side: number,
    compute: (part: ReadyImage, network: PaddedSize, report: OnProgress | undefined) => Promise<MappedMaps>,
    onProgress: OnProgress | undefined,
  ) {
    const kept = this.#engine.current.keep(image);
    const own = 'then' in kept ? await kept : kept;
    try {
      const { computeInParts } = await loadModule(import('./split.ts'));
      return await computeInParts(own, side, (part, network, index, count) =>
        compute(part, network, ({ stage, done, total }) =>
          onProgress?.({ stage, done: done + index * total, total: total * count }),
        ),
      );
    } finally {
      own.close?.();
    }
  }

  /** The weights' own thresholds first, then the paper's. */
  #regionOptions(given: Partial<RegionOptions>): RegionOptions {
    const { unclipRatio, ...thresholds } = this.#recipe.postprocess;
    const stated = given.shape === 'polygon' ? thresholds : { ...thresholds, unclipRatio };
    return resolveRegionOptions({ ...stated, ...given });
  }

  /**
   * Post-processing refuses a P that is not finite; of everything else it was given, the options were checked before.
   * @throws DBNetError `incompatible-weights`.
   */
  #assertFinite<T>(postprocess: () => T): T {
    try {
      return postprocess();
    } catch (cause) {
      if (!(cause instanceof DBNetError && cause.code === 'invalid-argument')) throw cause;
      throw this.#notFinite(cause.message, cause);
    }
  }

  /** @throws DBNetError `incompatible-weights` where a map is not finite. */
  #checkFinite(mapped: MappedMaps, names: Iterable<MapName>): void {
    for (const name of names) {
      // A sum of finite f32 values cannot overflow an f64.
      if (Number.isFinite(mapped.float32(name).reduce((sum, value) => sum + value, 0))) continue;
      throw this.#notFinite(`in ${name}`);
    }
  }

  #notFinite(where: string, cause?: unknown): DBNetError {
    const { precision } = this.#engine.current;
    return new DBNetError(
      'incompatible-weights',
      `these weights give values that are not finite in precision '${precision}' (${where}): ` +
        (precision === 'f16' ? "use precision 'f32'" : 'the file is damaged or the training diverged'),
      { cause },
    );
  }

  #needThresholdHead(what: string): void {
    if (!this.#weights.hasThresholdHead) {
      throw new DBNetError(
        'missing-threshold-head',
        `${what} needs the threshold map, but these weights give the probability map alone: use 'P', or weights with both ` +
          'heads',
      );
    }
  }
}

/** Loaded when a detector is made, so that a page's own code is small and fetches it while it fetches the weights. */
type Postprocess = typeof import('../postprocess/index.ts');

interface Prepared {
  /** The image, or the part of it in which text is looked for. */
  ready: ReadyImage;
  /** Where that is in the image. */
  place: Box;
  /** All of the image. */
  image: Size;
  network: PaddedSize;
}

type MapName = 'P' | 'T' | 'B';

/** Maps as they are kept by the caller, in memory of their own. */
function copyMaps({ float32, size }: MappedMaps, names: readonly MapName[]): Maps {
  const copies = names.map((name) => [name, float32(name).slice()] as const);
  return { ...Object.fromEntries(copies), ...size } as unknown as Maps;
}

/** Decoded blobs that are held at a time: one on the device, and some so that it need not wait. */
const decodedAtOnce = 4;
