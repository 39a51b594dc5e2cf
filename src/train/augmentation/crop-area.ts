/** @file Random crops whose borders run between texts (as in EAST, X. Zhou et al. 2017, and the authors' code). */

import type { Point } from '../../postprocess/types.ts';
import type { Random } from './random.ts';

/** A rectangle of whole pixels. */
export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Bounds of a crop. */
export interface CropRule {
  /** Shortest side as a share of the picture's. */
  minSide: number;
  /** Draws before the whole picture is taken. */
  tries: number;
}

/** Smallest upright rectangle around points. */
export function bounds(points: readonly Point[]): [left: number, top: number, right: number, bottom: number] {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return [left, top, right, bottom];
}

/**
 * A random part of a picture that holds text. Its sides are drawn from the lines that cross no text: where texts
 * part these into several runs, two runs are drawn (perhaps the same one twice) and a line in each, so that narrow
 * gaps are taken as often as wide margins. The whole picture if no draw is wide enough and holds text.
 *
 * The authors' code differs in that it lets texts that reach over the left or the upper border block the wrong
 * columns (a negative index counts from the end), lists pixels rather than the lines between them, so that a crop never
 * reaches the last row and column, and takes the whole picture where it has no text; here such a picture is cropped too.
 *
 * @param texts corners of the texts to keep whole, pixels; may reach out of the picture
 */
export function chooseCrop(
  width: number,
  height: number,
  texts: readonly (readonly Point[])[],
  random: Random,
  { minSide, tries }: CropRule,
): Area {
  const boxes = texts.map(bounds);
  const columns = freeRuns(
    width,
    boxes.map(([left, , right]) => [left, right]),
  );
  const rows = freeRuns(
    height,
    boxes.map(([, top, , bottom]) => [top, bottom]),
  );
  for (let i = 0; i < tries; i++) {
    const [left, right] = drawSides(columns, random);
    const [top, bottom] = drawSides(rows, random);
    if (right - left < Math.max(1, minSide * width)) continue;
    if (bottom - top < Math.max(1, minSide * height)) continue;
    const inside = boxes.some((box) => box[0] < right && box[2] > left && box[1] < bottom && box[3] > top);
    if (inside || boxes.length === 0) return { x: left, y: top, width: right - left, height: bottom - top };
  }
  return { x: 0, y: 0, width, height };
}

/** Runs of neighbouring whole numbers from 0 to `length` that lie inside none of the spans; 0 and `length` always do. */
function freeRuns(length: number, spans: readonly (readonly [number, number])[]): number[][] {
  const free = new Uint8Array(length + 1).fill(1);
  for (const [from, to] of spans) {
    for (let i = Math.max(1, Math.floor(from) + 1); i < Math.min(to, length); i++) free[i] = 0;
  }
  const runs: number[][] = [];
  for (let i = 0; i <= length; i++) {
    if (!free[i]) continue;
    if (i === 0 || !free[i - 1]) runs.push([]);
    runs.at(-1)!.push(i);
  }
  return runs;
}

/** A line from each of two runs, the smaller first. */
function drawSides(runs: readonly number[][], random: Random): [number, number] {
  const a = random.pick(random.pick(runs));
  const b = random.pick(random.pick(runs));
  return [Math.min(a, b), Math.max(a, b)];
}
