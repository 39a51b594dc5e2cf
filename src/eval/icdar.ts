/**
 * @file The measure of ICDAR 2015 (challenge 4, task 1: text localisation): precision, recall and F of
 * detected regions against labels.
 */

import { array, check, object, whole } from '../check.ts';
import { checkCorners, checkLabels } from '../geometry/points.ts';
import type { Point } from '../postprocess/types.ts';
import { intersectionArea, intersectionOverUnion, toShape } from './overlap.ts';

/** A pair matches above this (strictly). */
const MATCH_IOU = 0.5;
/** A detection of which more than this lies in one don't-care label is left out. */
const DONT_CARE_SHARE = 0.5;

/** A labelled piece of text. */
export interface Label {
  /** Corners in order, three or more: `[x, y]` in pixels of the image. */
  points: Point[];
  /** Don't care: neither to be found, nor wrong when found. */
  ignore: boolean;
}

/** What was counted. */
export interface Counts {
  /** Pairs of a label and a detection. */
  matched: number;
  /** Labels that had to be found (without don't-care ones). */
  labels: number;
  /** Detections that count (without those left out). */
  detections: number;
}

/** The counts of one image. */
export interface ImageCounts extends Counts {
  /** Don't-care labels. */
  dontCare: number;
  /** Detections left out, as more than half of each lies in a don't-care label. */
  leftOut: number;
  /** Matched pairs: indices into the labels and the detections given. */
  pairs: { label: number; detection: number; iou: number }[];
}

/** Precision, recall and their harmonic mean, 0 to 1. */
export interface Rates {
  precision: number;
  recall: number;
  f: number;
}

/**
 * Compares the detections of one image with its labels. One to one: labels are taken in order, each gets
 * the first free detection with IoU > 0.5, as in the evaluation script of the challenge, so that figures
 * can be compared.
 *
 * @example
 * const labels = [{ points: [[10, 10], [110, 10], [110, 40], [10, 40]] as [number, number][], ignore: false }];
 * const { matched } = matchImage(labels, [[[10, 10], [108, 10], [108, 40], [10, 40]]]); // 1
 *
 * @param detections The corners of each, as of labels.
 * @throws DBNetError `invalid-argument` for what is no polygon
 */
export function matchImage(labels: readonly Label[], detections: readonly Point[][]): ImageCounts {
  checkLabels('labels', labels);
  for (const [i, points] of check('detections', detections, array).entries()) {
    checkCorners(`detections[${i}]`, points);
  }
  const labelShapes = labels.map(({ points }) => toShape(points));
  const detectionShapes = detections.map(toShape);
  const ignored = labelShapes.filter((_, i) => labels[i].ignore);
  const counts = detectionShapes.map(
    (shape) => !ignored.some((label) => intersectionArea(shape, label) > DONT_CARE_SHARE * shape.area),
  );
  const used = new Set<number>();
  const pairs: ImageCounts['pairs'] = [];
  for (const [label, shape] of labelShapes.entries()) {
    if (labels[label].ignore) continue;
    for (const [detection, candidate] of detectionShapes.entries()) {
      if (!counts[detection] || used.has(detection)) continue;
      const iou = intersectionOverUnion(shape, candidate);
      if (iou <= MATCH_IOU) continue;
      used.add(detection);
      pairs.push({ label, detection, iou });
      break;
    }
  }
  const counted = counts.filter(Boolean).length;
  return {
    matched: pairs.length,
    labels: labels.length - ignored.length,
    detections: counted,
    dontCare: ignored.length,
    leftOut: detections.length - counted,
    pairs,
  };
}

/** @throws DBNetError `invalid-argument` */
function checkCounts(name: string, counts: unknown): Counts {
  const { matched, labels, detections } = check(name, counts, object);
  return {
    matched: check(`${name}.matched`, matched, whole(0)),
    labels: check(`${name}.labels`, labels, whole(0)),
    detections: check(`${name}.detections`, detections, whole(0)),
  };
}

/**
 * The sum of counts, so that precision and recall are those of the data set and not means over images.
 *
 * @example
 * import { rates, sumCounts } from 'dbnet-webgpu/eval';
 *
 * const { f } = rates(sumCounts([
 *   { matched: 3, labels: 4, detections: 3 },
 *   { matched: 1, labels: 1, detections: 2 },
 * ]));
 *
 * @throws DBNetError `invalid-argument`
 */
export function sumCounts(images: readonly Counts[]): Counts {
  const total: Counts = { matched: 0, labels: 0, detections: 0 };
  for (const [i, counts] of check('images', images, array).entries()) {
    const { matched, labels, detections } = checkCounts(`images[${i}]`, counts);
    total.matched += matched;
    total.labels += labels;
    total.detections += detections;
  }
  return total;
}

/**
 * Precision, recall and F of counts, with the conventions of the challenge's script for one image: nothing
 * to find gives recall 1, and then precision 1 without detections and 0 with some; no detection where there
 * was something to find gives precision 0.
 *
 * @throws DBNetError `invalid-argument`
 * @example
 * import { matchImage, rates, sumCounts } from 'dbnet-webgpu/eval';
 *
 * const square: [number, number][] = [[10, 10], [40, 10], [40, 40], [10, 40]];
 * const images = [{ labels: [{ points: square, ignore: false }], regions: [square] }];
 * const { precision, recall, f } = rates(sumCounts(images.map(({ labels, regions }) => matchImage(labels, regions))));
 */
export function rates(counts: Counts): Rates {
  const { matched, labels, detections } = checkCounts('counts', counts);
  const recall = labels === 0 ? 1 : matched / labels;
  const precision = detections === 0 ? (labels === 0 ? 1 : 0) : matched / detections;
  const sum = precision + recall;
  return { precision, recall, f: sum === 0 ? 0 : (2 * precision * recall) / sum };
}
