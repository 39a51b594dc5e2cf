/** @file How outlines change under the hand: rectangles, moves, corners. Pure. */

import type { Point } from 'dbnet-webgpu';

export interface Size {
  width: number;
  height: number;
}

const clamp = (value: number, high: number): number => Math.min(high, Math.max(0, value));

/** Whole pixels inside the photo. */
export const inside = ([x, y]: Point, { width, height }: Size): Point => [
  clamp(Math.round(x), width),
  clamp(Math.round(y), height),
];

/** The upright rectangle between two corners, clockwise from the top left. */
export function rectangle([x0, y0]: Point, [x1, y1]: Point): Point[] {
  const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
  const [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
}

/** Moved as far as the photo allows. */
export function moved(points: readonly Point[], [dx, dy]: Point, size: Size): Point[] {
  const shift = (values: number[], by: number, high: number) =>
    Math.max(-Math.min(...values), Math.min(high - Math.max(...values), Math.round(by)));
  const x = shift(
    points.map((point) => point[0]),
    dx,
    size.width,
  );
  const y = shift(
    points.map((point) => point[1]),
    dy,
    size.height,
  );
  return points.map((point): Point => [point[0] + x, point[1] + y]);
}

export const withCorner = (points: readonly Point[], corner: number, to: Point): Point[] =>
  points.map((point, i) => (i === corner ? to : point));

export const add = (a: Point, b: Point): Point => [a[0] + b[0], a[1] + b[1]];

export const distance = (a: Point, b: Point): number => Math.hypot(a[0] - b[0], a[1] - b[1]);
