/**
 * @file Simplification of closed curves: D. Douglas, T. Peucker 1973, with the choice of the first two points
 * and the final clean-up of OpenCV's `approxPolyDP`.
 */

import { atLeast, check } from '../check.ts';
import { countCrossings } from '../geometry/crossings.ts';
import { offsetDistance } from '../geometry/offset.ts';
import { checkFlatPoints, type FlatPoints, type Point } from '../geometry/points.ts';
import { perimeter, signedArea } from '../geometry/polygon.ts';

/**
 * A closed curve of fewer points that stays near the given one, as OpenCV's `approxPolyDP`: within `epsilon`,
 * and within another 0.71 `epsilon` where the clean-up drops a point.
 *
 * @param points - x0, y0, x1, y1, ... without a repeated last point
 * @param epsilon - in pixels; at least 0
 * @returns points of the input, in its order, from one that is far from the others; a single point if all are
 *   within `epsilon` of it
 * @throws DBNetError `invalid-argument` for other points, and an epsilon that is negative or not finite
 */
export function simplifyClosed<Points extends FlatPoints>(points: Points, epsilon: number): Points {
  checkFlatPoints('points', points);
  check('epsilon', epsilon, atLeast(0));
  const kept = keepCorners(points, epsilon * epsilon);
  return dropNearlyStraight(kept, (epsilon * epsilon) / 2);
}

/** How often a tolerance is halved before it is 0. */
const HALVINGS = 5;

/**
 * An outline of fewer points by `simplifyClosed`, which still is one: of four points at least, and without crossings.
 * Where it would not be, the tolerance is halved.
 *
 * @param ratio - the tolerance is A * ratio / L (A area, L perimeter), so that about this part of the area is lost at
 *   most
 * @returns points of the outline, in its order; all of them where it crosses itself
 */
export function simplifyOutline(outline: Point[], ratio: number): Point[] {
  const flat = Float64Array.from(outline.flat());
  const length = perimeter(flat);
  if (length === 0) return outline;
  const tolerance = offsetDistance(Math.abs(signedArea(flat)), length, ratio);
  for (let round = 0; round <= HALVINGS; round++) {
    const kept = simplifyClosed(flat, round < HALVINGS ? tolerance / 2 ** round : 0);
    const points = Array.from({ length: kept.length / 2 }, (_, i): Point => [kept[2 * i], kept[2 * i + 1]]);
    if (points.length >= 4 && countCrossings(points, 1) === 0) return points;
  }
  return outline;
}

/** Douglas-Peucker between two points that are far apart, on a stack of our own. */
function keepCorners<Points extends FlatPoints>(points: Points, limit: number): Points {
  const n = points.length / 2;
  // From the first point to the one farthest from it, and from there again, three times.
  let first = 0;
  let second = 0;
  let distance = 0;
  for (let round = 0; round < 3 && n > 0; round++) {
    first = second;
    [second, distance] = farthest(points, first);
  }
  const kept = points.slice();
  let size = 0;
  const keep = (i: number) => {
    kept[size++] = points[2 * i];
    kept[size++] = points[2 * i + 1];
  };
  if (n > 0 && distance <= limit) keep(first);
  const stack = distance > limit ? [second, first, first, second] : [];
  while (stack.length > 0) {
    const to = stack.pop()!;
    const from = stack.pop()!;
    const split = splitPoint(points, from, to, limit);
    if (split < 0) keep(from);
    else stack.push(split, to, from, split);
  }
  return kept.slice(0, size) as Points;
}

/** The first of the points that are farthest from point `from`, and its squared distance. */
function farthest(points: FlatPoints, from: number): [index: number, distance: number] {
  const x = points[2 * from];
  const y = points[2 * from + 1];
  let best = 0;
  let index = from;
  const visit = (start: number, end: number) => {
    for (let i = start; i < end; i += 2) {
      const distance = (points[i] - x) ** 2 + (points[i + 1] - y) ** 2;
      if (distance > best) {
        best = distance;
        index = i / 2;
      }
    }
  };
  visit(2 * from + 2, points.length);
  visit(0, 2 * from);
  return [index, best];
}

/**
 * The first of the points between `from` and `to` that are farthest from the segment between these two; -1 if
 * it is near enough. The distance is the one to the segment, not to its line, as in OpenCV since its pull
 * request 28119 (2025).
 */
function splitPoint(points: FlatPoints, from: number, to: number, limit: number): number {
  const x = points[2 * from];
  const y = points[2 * from + 1];
  const dx = points[2 * to] - x;
  const dy = points[2 * to + 1] - y;
  const length2 = dx * dx + dy * dy;
  let best = 0;
  let index = -1;
  const visit = (start: number, end: number) => {
    for (let i = start; i < end; i += 2) {
      const px = points[i] - x;
      const py = points[i + 1] - y;
      const along = px * dx + py * dy;
      let distance: number;
      if (along <= 0) distance = (px * px + py * py) * length2;
      else if (along >= length2) distance = ((px - dx) ** 2 + (py - dy) ** 2) * length2;
      else distance = (py * dx - px * dy) ** 2;
      if (distance > best) {
        best = distance;
        index = i / 2;
      }
    }
  };
  if (from < to) {
    visit(2 * from + 2, 2 * to);
  } else {
    visit(2 * from + 2, points.length);
    visit(0, 2 * to);
  }
  return best > limit * length2 ? index : -1;
}

/**
 * OpenCV's last stage: drops a corner that lies nearly on the line between its neighbours and not behind it,
 * unless that line is horizontal or vertical. After a corner is dropped the next one stays. Works in place.
 */
function dropNearlyStraight<Points extends FlatPoints>(corners: Points, limit: number): Points {
  const n = corners.length / 2;
  let left = n;
  let write = 0;
  let x0 = corners[2 * n - 2];
  let y0 = corners[2 * n - 1];
  for (let i = 0; i < n && left > 2; i++) {
    const x1 = corners[2 * i];
    const y1 = corners[2 * i + 1];
    const after = i + 1 < n ? i + 1 : 0;
    const x2 = corners[2 * after];
    const y2 = corners[2 * after + 1];
    const dx = x2 - x0;
    const dy = y2 - y0;
    const distance = Math.abs((x1 - x0) * dy - (y1 - y0) * dx);
    const onward = (x1 - x0) * (x2 - x1) + (y1 - y0) * (y2 - y1) >= 0;
    const drop = distance * distance <= limit * (dx * dx + dy * dy) && dx !== 0 && dy !== 0 && onward;
    if (drop) {
      left--;
      i++;
    }
    x0 = drop ? x2 : x1;
    y0 = drop ? y2 : y1;
    corners[2 * write] = x0;
    corners[2 * write + 1] = y0;
    write++;
  }
  return corners.slice(0, 2 * left) as Points;
}
