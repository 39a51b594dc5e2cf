/** @file Detections of labelled images compared with their labels, image by image; for `eval` and `train`. */

import type { DetectOptions, RawImage } from '../detector/types.ts';
import { DBNetError } from '../errors.ts';
import { type Counts, type ImageCounts, matchImage, type Rates, rates, sumCounts } from '../eval/icdar.ts';
import { describeError, isFatal } from './failure.ts';
import { checkLabelSize, type EvalImage } from './label-files.ts';
import type { ProgressView } from './progress.ts';
import type { Detector, Services } from './services.ts';

/** What a data set came to. */
export type Evaluation = Rates &
  Counts & {
    /** Images that count. */
    images: number;
    /** Images that failed, and are no part of the rest. */
    failed: number;
  };

/** Labelled images, and how they are read. */
export interface Labelled {
  images: readonly EvalImage[];
  /** True if labels count in stored pixels, not in those of the turned picture. */
  ignoreOrientation: boolean;
}

/**
 * Detects text in labelled images. An image that fails is reported, the others go on.
 *
 * @param label What the progress is called; the image's name follows.
 * @param onImage Is given the counts of each image that did not fail.
 * @throws the error of a failure that concerns all images; the signal's reason.
 */
export async function evaluateImages(
  { images, ignoreOrientation }: Labelled,
  detector: Detector,
  options: DetectOptions,
  { codec, signal }: Services,
  view: ProgressView,
  label: (index: number) => string,
  onImage: (name: string, counts: ImageCounts) => void = () => {},
): Promise<Evaluation> {
  const rows: ImageCounts[] = [];
  try {
    for (const [index, image] of images.entries()) {
      signal.throwIfAborted();
      view.start(`${label(index)} ${image.name}`);
      try {
        const decode = (path: string) => codec.decode(path, { ignoreOrientation });
        const counts = await evaluateImage(image, detector, options, decode);
        rows.push(counts);
        onImage(image.name, counts);
      } catch (error) {
        if (signal.aborted || isFatal(error)) throw error;
        view.warn(`error: ${image.name}: ${describeError(error)}`);
      }
    }
  } finally {
    view.clear();
  }
  const total = sumCounts(rows);
  return { ...rates(total), ...total, images: rows.length, failed: images.length - rows.length };
}

async function evaluateImage(
  image: EvalImage,
  detector: Detector,
  options: DetectOptions,
  decode: (path: string) => Promise<RawImage>,
): Promise<ImageCounts> {
  const { path, problem, labels } = image;
  if (path === undefined) throw new DBNetError('load-failed', problem ?? 'the image is missing.');
  const picture = await decode(path);
  checkLabelSize(image, picture);
  const { regions } = await detector.detect(picture, options);
  return matchImage(
    labels,
    regions.map(({ points }) => points),
  );
}
