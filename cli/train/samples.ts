/** @file The labelled images of a training run, decoded when a step takes them. */

import { createHash } from 'node:crypto';
import { DBNetError } from '../../src/errors.ts';
import type { TextLabel } from '../../src/eval/labels.ts';
import { isOutside } from '../../src/geometry/polygon.ts';
import type { RawImage } from '../../src/input/types.ts';
import { type CropOptions, LabelFates } from '../../src/train/label-fates.ts';
import type { TrainingSample } from '../../src/train/types.ts';
import { describeError, isFatal } from '../failure.ts';
import { checkLabelSize, type EvalSet, type FoundImage, hasFile, warnOfMissing } from '../label-files.ts';
import type { ProgressView } from '../progress.ts';
import type { ImageCodec } from '../services.ts';
import type { RunSettings } from './run-settings.ts';
import type { SampleOrder } from './sample-order.ts';

/** Bytes of decoded images that are kept: a small data set is decoded once. */
const CACHE_BYTES = 256e6;

/** Images that are surveyed, and crops at least. */
const SURVEYED = 200;
/** Of the texts that crops show; fewer that can be learnt from are worth a warning. */
const FEW = 0.5;

type BatchSettings = Pick<RunSettings, 'batch' | 'orientation'>;

/** The samples of a run. */
export class Samples {
  /** Stands for the images' names and labels, in their order. */
  readonly fingerprint: string;
  readonly #images: FoundImage[];
  readonly #missing: number;
  readonly #codec: ImageCodec;
  readonly #view: ProgressView;
  readonly #failed = new Set<number>();
  readonly #cache = new Map<number, RawImage>();
  #cached = 0;

  /**
   * Says what is left out and what is background.
   *
   * @throws DBNetError `invalid-labels` if there is no text to learn from.
   */
  constructor(set: EvalSet, codec: ImageCodec, view: ProgressView) {
    const { images, unlabelled } = set;
    this.#images = images.filter(hasFile);
    this.#missing = images.length - this.#images.length;
    this.#codec = codec;
    this.#view = view;
    warnOfMissing(set, view.warn);
    if (unlabelled > 0) view.note(`Images without labels, left out: ${unlabelled}.`);
    const withoutText = this.#images.filter(({ labels }) => !hasText(labels)).length;
    if (withoutText === this.#images.length) {
      throw new DBNetError(
        'invalid-labels',
        `expected images with text to learn from, found ${this.#images.length} images with labels and none with ` +
          'text that is not to be ignored.',
      );
    }
    if (withoutText > 0) view.note(`Images without text, which serve as background: ${withoutText}.`);
    const content = this.#images.map(({ name, width, height, labels }) => [
      name,
      width,
      height,
      labels.map(({ points, ignore }) => [points, ignore]),
    ]);
    const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
    this.fingerprint = `${this.#images.length} images, sha256 ${digest.slice(0, 16)}`;
  }

  /** Images that can be drawn. */
  get count(): number {
    return this.#images.length;
  }

  /** Labelled images that were not found or could not be used so far. */
  get leftOut(): number {
    return this.#missing + this.#failed.size;
  }

  /**
   * Looks at crops such as the run will draw, and says if few of the texts in them can be learnt from. Images that cannot
   * be read are passed over: the steps report them.
   *
   * @throws DBNetError `nothing-to-learn` if none can; the signal's reason.
   */
  async survey(
    options: CropOptions,
    orientation: RunSettings['orientation'],
    signal: AbortSignal,
  ): Promise<void> {
    const withText = [...this.#images.keys()].filter((index) => hasText(this.#images[index].labels));
    const draws = options.augment.augment === false ? 1 : Math.ceil(SURVEYED / withText.length);
    const every = Math.ceil(withText.length / SURVEYED);
    const fates = new LabelFates();
    const survey = async (indices: readonly number[], isEnough: () => boolean) => {
      for (const index of indices) {
        signal.throwIfAborted();
        if (isEnough()) return;
        const size = await this.#sizeOf(index, orientation === 'ignored');
        if (size !== undefined) fates.addCrops(size, this.#images[index].labels, index, draws, options);
      }
    };
    await survey(
      withText.filter((_, i) => i % every === 0),
      () => false,
    );
    // Only all of them can tell that none will do.
    await survey(
      withText.filter((_, i) => i % every !== 0),
      () => fates.used > 0,
    );
    const { texts, shown, used } = fates;
    if (texts === 0 || used >= FEW * shown) return;
    const why = fates.reasons(options.labels.minimumSize);
    const advice = 'a larger --crop, or images cut to their text, would show it larger';
    if (used === 0) {
      throw new DBNetError(
        'nothing-to-learn',
        `none of ${texts} texts in crops of these images can be learnt from at --crop ${options.cropSize}: ${why}; ${advice}.`,
      );
    }
    this.#view.warn(
      `warning: of ${texts} texts in crops of these images, ${used} can be learnt from at --crop ${options.cropSize}: ` +
        `${why}; ${advice}.`,
    );
  }

  async #sizeOf(
    index: number,
    ignoreOrientation: boolean,
  ): Promise<{ width: number; height: number } | undefined> {
    try {
      return await this.#codec.size(this.#images[index].path, { ignoreOrientation });
    } catch (error) {
      if (isFatal(error)) throw error;
      return undefined;
    }
  }

  /**
   * The samples of a step; an image that cannot be used is reported once, and another takes its place.
   *
   * @throws DBNetError `invalid-image` if no image with text can be used; the error of a failure of all images.
   */
  async batch(order: SampleOrder, step: number, settings: BatchSettings): Promise<TrainingSample[]> {
    const samples = await this.otherBatch(order, step, settings, 0);
    if (samples !== undefined) return samples;
    throw new DBNetError('invalid-image', 'none of the images with text can be used: see the errors above.');
  }

  /**
   * The samples of a step that was tried in vain, with another image with text in them.
   *
   * @param attempt How often it was tried; each attempt has another image.
   * @returns `undefined` if there is no other.
   * @throws the error of a failure of all images.
   */
  async otherBatch(
    order: SampleOrder,
    step: number,
    { batch: size, orientation }: BatchSettings,
    attempt: number,
  ): Promise<TrainingSample[] | undefined> {
    const pictures = new Map<number, RawImage>();
    const serves = async (index: number) => {
      const picture = await this.#load(index, orientation === 'ignored');
      if (picture !== undefined) pictures.set(index, picture);
      return picture !== undefined;
    };
    const isWithText = (index: number) => hasText(this.#images[index].labels);
    const chosen = await order.batch(step, size, serves, isWithText, attempt);
    return chosen?.map((index) => ({
      image: pictures.get(index)!,
      polygons: this.#images[index].labels,
    }));
  }

  async #load(index: number, ignoreOrientation: boolean): Promise<RawImage | undefined> {
    if (this.#failed.has(index)) return undefined;
    const known = this.#cache.get(index);
    if (known !== undefined) {
      // The least recently used one comes first.
      this.#cache.delete(index);
      this.#cache.set(index, known);
      return known;
    }
    const image = this.#images[index];
    try {
      const picture = await this.#codec.decode(image.path, { ignoreOrientation });
      checkLabelSize(image, picture);
      checkInside(image.labels, picture);
      this.#keep(index, picture);
      return picture;
    } catch (error) {
      if (isFatal(error)) throw error;
      this.#failed.add(index);
      this.#view.warn(`error: ${image.name}: ${describeError(error)} It is left out.`);
      return undefined;
    }
  }

  #keep(index: number, picture: RawImage): void {
    this.#cache.set(index, picture);
    this.#cached += picture.data.byteLength;
    for (const [oldest, { data }] of this.#cache) {
      if (this.#cached <= CACHE_BYTES) break;
      this.#cache.delete(oldest);
      this.#cached -= data.byteLength;
    }
  }
}

const hasText = (labels: readonly TextLabel[]): boolean => labels.some(({ ignore }) => !ignore);

/** @throws DBNetError `invalid-labels` for a label that is nowhere in the image, which no trainer takes. */
function checkInside(labels: readonly TextLabel[], picture: RawImage): void {
  const outside = labels.findIndex(({ points }) => isOutside(points, picture));
  if (outside === -1) return;
  const { width, height } = picture;
  throw new DBNetError(
    'invalid-labels',
    `label ${outside + 1} lies outside of the image of ${width} x ${height} pixels: are the labels those of another size?`,
  );
}
