/**
 * @file Scores: the mean of P over a filled polygon, as the authors' `box_score_fast` and `box_score_slow`
 * (OpenCV's `fillPoly`, then `mean`). Which polygon is filled makes the difference between fast and slow.
 */

import { check, mismatch, scratchKind } from '../check.ts';
import { createFillScratch, type FillScratch } from '../geometry/fill-poly.ts';
import { checkFlatPoints, type FlatPoints } from '../geometry/points.ts';
import { addFilledPolygon, createSpanGroups, type SpanGroups } from './fill.ts';
import { checkValues } from './validate.ts';

/** The values that are averaged, row-major. */
export interface ScoreMap {
  data: Float32Array;
  width: number;
  height: number;
}

/** Memory that is used again from polygon to polygon. */
export interface ScoreScratch extends FillScratch {
  groups: SpanGroups;
}

const scoreScratch = scratchKind<ScoreScratch>('createScoreScratch');

/**
 * An empty scratch; it grows to the largest polygon.
 *
 * @example
 * import { createScoreScratch, polygonScore } from 'dbnet-webgpu/postprocess';
 *
 * const scratch = createScoreScratch();
 * const map = { data: new Float32Array(640 * 480), width: 640, height: 480 };
 * polygonScore(map, Int32Array.of(10, 10, 110, 10, 110, 40, 10, 40), scratch);
 */
export function createScoreScratch(): ScoreScratch {
  return scoreScratch.mark({ ...createFillScratch(), groups: createSpanGroups() });
}

/**
 * Mean of the map over a filled polygon; see `addFilledPolygon` for which pixels that are.
 *
 * @example
 * const score = polygonScore({ data: new Float32Array(640 * 480), width: 640, height: 480 }, Int32Array.of(10, 10, 110, 10, 110, 40, 10, 40));
 *
 * @param points - x0, y0, x1, y1, ...; may lie outside the map
 * @returns 0 if no pixel of the polygon is in the map
 * @throws DBNetError `invalid-argument` for a map whose length does not fit its size, for no points, and if a value that
 *   counts is not finite
 */
export function polygonScore(
  map: ScoreMap,
  points: FlatPoints,
  scratch: ScoreScratch = createScoreScratch(),
): number {
  checkValues(map);
  checkFlatPoints('points', points, 1);
  check('scratch', scratch, scoreScratch);
  scratch.groups.groups = 0;
  const pixels = addFilledPolygon(points, map, scratch.groups, scratch);
  const [sum] = pixels > 0 ? sumSpans(map.data, scratch.groups) : [0];
  if (!Number.isFinite(sum)) throw mismatch('map.data', 'finite probabilities', `${sum} as a sum`);
  return pixels > 0 ? sum / pixels : 0;
}

/** The sum of the values of each group's pixels, in f64. */
export function sumSpans(values: ArrayLike<number>, spans: SpanGroups): Float64Array {
  return overlapMuch(spans, values.length) ? differences(values, spans) : additions(values, spans);
}

/**
 * Whether spans in a map of `pixels` pixels cover so many of them so often that what is before each pixel is better
 * added up once: nested outlines, each of which is filled, would take cubic time.
 */
function overlapMuch({ groups, spans, starts }: SpanGroups, pixels: number): boolean {
  let covered = 0;
  for (let span = 0; span < starts[groups]; span++) covered += spans[2 * span + 1];
  return covered > 4 * pixels;
}

function additions(values: ArrayLike<number>, { groups, spans, starts }: SpanGroups): Float64Array {
  const sums = new Float64Array(groups);
  for (let group = 0; group < groups; group++) {
    let sum = 0;
    for (let span = starts[group]; span < starts[group + 1]; span++) {
      const end = spans[2 * span] + spans[2 * span + 1];
      for (let i = spans[2 * span]; i < end; i++) sum += values[i];
    }
    sums[group] = sum;
  }
  return sums;
}

function differences(values: ArrayLike<number>, { groups, spans, starts }: SpanGroups): Float64Array {
  const before = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) before[i + 1] = before[i] + values[i];
  const sums = new Float64Array(groups);
  for (let group = 0; group < groups; group++) {
    let sum = 0;
    for (let span = starts[group]; span < starts[group + 1]; span++) {
      const first = spans[2 * span];
      sum += before[first + spans[2 * span + 1]] - before[first];
    }
    sums[group] = sum;
  }
  return sums;
}
