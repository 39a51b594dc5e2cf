/**
 * @file Scores: the mean of P over a filled polygon, as the authors' `box_score_fast` and `box_score_slow`
 * (OpenCV's `fillPoly`, then `mean`). Which polygon is filled makes the difference between fast and slow.
 */

import {
  addEdge,
  createFillScratch,
  type FillScratch,
  finishFill,
  pixelBox,
  startFill,
} from '../geometry/fill-poly.ts';

/** The values that are averaged, row-major. */
export interface ScoreMap {
  data: Float32Array;
  width: number;
  height: number;
}

/** Memory that is used again from polygon to polygon. */
export type ScoreScratch = FillScratch;

/** An empty scratch; it grows to the largest polygon. */
export const createScoreScratch = (): ScoreScratch => createFillScratch();

/**
 * Mean of the map over a polygon: its inside by the even-odd rule and the pixels of its edges (8-connected
 * lines), as `cv2.fillPoly` fills it. Corners are cut to whole numbers first, towards the corner of the
 * bounding box, as in the authors' code. Only the polygon's own part of each row is visited.
 *
 * @param points - x0, y0, x1, y1, ...; may lie outside the map
 * @returns 0 if no pixel of the polygon is in the map
 */
export function polygonScore(
  map: ScoreMap,
  points: Int32Array | Float64Array,
  scratch: ScoreScratch = createScoreScratch(),
): number {
  const { left, top, right, bottom } = pixelBox([points], map.width, map.height);
  startFill(scratch, right - left + 1, bottom - top + 1);
  const n = points.length;
  let x0 = Math.trunc(points[n - 2] - left);
  let y0 = Math.trunc(points[n - 1] - top);
  for (let i = 0; i < n; i += 2) {
    const x1 = Math.trunc(points[i] - left);
    const y1 = Math.trunc(points[i + 1] - top);
    addEdge(scratch, x0, y0, x1, y1);
    x0 = x1;
    y0 = y1;
  }
  const { data, width } = map;
  let total = 0;
  let pixels = 0;
  finishFill(scratch, (y, from, to) => {
    const row = (top + y) * width + left;
    // A local sum: captured variables are slower by half.
    let sum = total;
    for (let i = row + from; i < row + to; i++) sum += data[i];
    total = sum;
    pixels += to - from;
  });
  return pixels > 0 ? total / pixels : 0;
}
