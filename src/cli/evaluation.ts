/** @file Detections of labelled images compared with their labels, image by image; for `eval` and `train`. */

import type { DetectionWarning, DetectOptions } from '../detector/types.ts';
import { DBNetError } from '../errors.ts';
import { type Counts, type ImageCounts, matchImage, type Rates, rates, sumCounts } from '../eval/icdar.ts';
import { describeError, isFatal } from './failure.ts';
import { checkLabelSize, type EvalImage } from './label-files.ts';
import type { ProgressView } from './progress.ts';
import type { Detector, Services } from './services.ts';
import { warningLine } from './table.ts';

/** What a data set came to. */
export type Evaluation = Rates &
  Counts & {
    /** Images that count. */
    images: number;
    /** Images that failed, and are no part of the rest. */
    failed: number;
  };

/**
 * Detects text in labelled images. An image that fails is reported, the others go on.
 *
 * @param label What the progress is called; the image's name follows.
 * @param onImage Is given the counts of each image that did not fail.
 * @throws the error of a failure that concerns all images; the signal's reason.
 */
export async function evaluateImages(
  images: readonly EvalImage[],
  detector: Detector,
  options: DetectOptions,
  { codec, signal }: Services,
  view: ProgressView,
  label: (index: number) => string,
  onImage: (name: string, counts: ImageCounts) => Promise<void> = async () => {},
): Promise<Evaluation> {
  const rows: ImageCounts[] = [];
  try {
    for (const [index, image] of images.entries()) {
      signal.throwIfAborted();
      view.start(`${label(index)} ${image.name}`);
      let counts: ImageCounts;
      try {
        const evaluated = await evaluateImage(image, detector, options, codec);
        counts = evaluated.counts;
        for (const warning of evaluated.warnings)
          view.warn(`warning: ${image.name}: ${warningLine(warning)}`);
      } catch (error) {
        if (signal.aborted || isFatal(error)) throw error;
        view.warn(`error: ${image.name}: ${describeError(error)}`);
        continue;
      }
      rows.push(counts);
      await onImage(image.name, counts);
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
  codec: Services['codec'],
): Promise<{ counts: ImageCounts; warnings: readonly DetectionWarning[] }> {
  const { path, problem, labels } = image;
  if (path === undefined) throw new DBNetError('load-failed', problem ?? 'the image is missing.');
  // Labels are in stored pixels, so the picture must not be turned.
  const picture = await codec.decode(path, { ignoreOrientation: true });
  checkLabelSize(image, picture);
  const { regions, warnings } = await detector.detect(picture, options);
  const found = regions.map(({ points }) => points);
  return { counts: matchImage(labels, found), warnings };
}
