/** @file Detections of labelled images compared with their labels, image by image; for `eval` and `train`. */

import type { DetectOptions } from '../src/detect/types.ts';
import {
  type Counts,
  type ImageCounts,
  matchImage,
  type Rates,
  rates,
  sumCounts,
} from '../src/eval/icdar.ts';
import { findFaults, type LabelFault } from '../src/eval/label-faults.ts';
import type { DetectionWarning, RawImage } from '../src/input/types.ts';
import { describeError, isFatal, namesLine } from './failure.ts';
import { checkLabelSize, type EvalImage, type FoundImage, hasFile } from './label-files.ts';
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
    /** Labels that cannot be those of a text; they count as the others do. */
    faulty: number;
  };

/** Labelled images, and how they are read. */
export interface Labelled {
  images: readonly EvalImage[];
  /** True if labels count in stored pixels, not in those of the turned picture. */
  ignoreOrientation: boolean;
}

/** The counts of one image, and its labels that cannot be those of a text. */
export interface ImageEvaluation extends ImageCounts {
  faulty: LabelFault[];
}

/**
 * Detects text in labelled images. An image that fails is reported, the others go on; those that were not found, which
 * whoever read the labels has reported, count as failed.
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
  onImage: (name: string, evaluation: ImageEvaluation) => Promise<void> = async () => {},
): Promise<Evaluation> {
  const rows: ImageEvaluation[] = [];
  try {
    for (const [index, image] of images.entries()) {
      signal.throwIfAborted();
      if (!hasFile(image)) continue;
      view.start(`${label(index)} ${image.name}`);
      let evaluation: ImageEvaluation;
      try {
        const decode = (path: string) => codec.decode(path, { ignoreOrientation });
        const evaluated = await evaluateImage(image, detector, options, decode);
        evaluation = evaluated.evaluation;
        for (const warning of evaluated.warnings)
          view.warn(`warning: ${image.name}: ${warningLine(warning)}`);
      } catch (error) {
        if (signal.aborted || isFatal(error)) throw error;
        view.warn(`error: ${image.name}: ${describeError(error)}`);
        continue;
      }
      rows.push(evaluation);
      await onImage(image.name, evaluation);
    }
  } finally {
    view.clear();
  }
  const total = sumCounts(rows);
  const faulty = rows.reduce((sum, row) => sum + row.faulty.length, 0);
  return { ...rates(total), ...total, images: rows.length, failed: images.length - rows.length, faulty };
}

/** Keeps what is wrong with the labels of a data set, for one line. */
export class FaultReport {
  readonly #faults: (LabelFault & { image: string })[] = [];

  add(image: string, faults: readonly LabelFault[]): void {
    for (const fault of faults) this.#faults.push({ image, ...fault });
  }

  /** The line; `undefined` if nothing is wrong. Labels are numbered from 1. */
  get line(): string | undefined {
    const faults = this.#faults;
    if (faults.length === 0) return undefined;
    const count = (reason: LabelFault['reason'], words: string) => {
      const found = faults.filter((fault) => fault.reason === reason).length;
      return found === 0 ? [] : [`${found} ${words}`];
    };
    const kinds = [
      ...count('crossing', 'with an outline that crosses itself (are the corners in order?)'),
      ...count('outside', 'outside of the image (are the labels those of another size?)'),
      ...count('area', 'without area'),
    ];
    const named = faults.map(({ image, index, reason }) => `${image} ${index + 1} (${reason})`);
    return (
      `warning: ${faults.length} ${faults.length === 1 ? 'label that' : 'labels that'} can hardly be found, but count: ` +
      `${kinds.join(', ')}. By image and number: ${namesLine(named)}.`
    );
  }
}

async function evaluateImage(
  image: FoundImage,
  detector: Detector,
  options: DetectOptions,
  decode: (path: string) => Promise<RawImage>,
): Promise<{ evaluation: ImageEvaluation; warnings: readonly DetectionWarning[] }> {
  const { path, labels } = image;
  const picture = await decode(path);
  checkLabelSize(image, picture);
  const { regions, warnings } = await detector.detect(picture, options);
  const found = regions.map(({ points }) => points);
  const faulty = findFaults(labels, picture);
  return { evaluation: { ...matchImage(labels, found), faulty }, warnings };
}
