/** @file The labelled images of a training run, decoded when a step takes them. */

import { createHash } from 'node:crypto';
import type { RawImage } from '../../detector/types.ts';
import { DBNetError } from '../../errors.ts';
import type { TextLabel } from '../../eval/labels.ts';
import type { TrainingSample } from '../../training/types.ts';
import { describeError, isFatal } from '../failure.ts';
import { checkLabelSize, type EvalImage, type EvalSet } from '../label-files.ts';
import type { ProgressView } from '../progress.ts';
import type { ImageCodec } from '../services.ts';
import type { RunSettings } from './run-settings.ts';
import type { SampleOrder } from './sample-order.ts';

/** Bytes of decoded images that are kept: a small data set is decoded once. */
const CACHE_BYTES = 256e6;

type UsableImage = EvalImage & { path: string };

/** The samples of a run. */
export class Samples {
  /** Stands for the images' names and labels, in their order. */
  readonly fingerprint: string;
  readonly #images: UsableImage[];
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
  constructor({ images, unlabelled }: EvalSet, codec: ImageCodec, view: ProgressView) {
    this.#images = images.filter((image): image is UsableImage => image.path !== undefined);
    this.#missing = images.length - this.#images.length;
    this.#codec = codec;
    this.#view = view;
    for (const { name, path, problem } of images) {
      if (path === undefined) view.warn(`error: ${name}: ${problem ?? 'the image is missing.'}`);
    }
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
   * The samples of a step; an image that cannot be used is reported once, and another takes its place.
   *
   * @throws DBNetError `invalid-image` if no image with text can be used; the error of a failure of all images.
   */
  async batch(
    order: SampleOrder,
    step: number,
    { batch: size, orientation }: Pick<RunSettings, 'batch' | 'orientation'>,
  ): Promise<TrainingSample[]> {
    const pictures = new Map<number, RawImage>();
    const serves = async (index: number) => {
      const picture = await this.#load(index, orientation === 'ignored');
      if (picture !== undefined) pictures.set(index, picture);
      return picture !== undefined;
    };
    const chosen = await order.batch(step, size, serves, (index) => hasText(this.#images[index].labels));
    if (chosen === undefined) {
      throw new DBNetError(
        'invalid-image',
        'none of the images with text can be used: see the errors above.',
      );
    }
    return chosen.map((index) => ({
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
function checkInside(labels: readonly TextLabel[], { width, height }: RawImage): void {
  const outside = labels.findIndex(
    ({ points }) =>
      points.every(([x]) => x <= 0 || x >= width) || points.every(([, y]) => y <= 0 || y >= height),
  );
  if (outside === -1) return;
  throw new DBNetError(
    'invalid-labels',
    `label ${outside + 1} lies outside of the image of ${width} x ${height} pixels: are the labels those of another size?`,
  );
}
