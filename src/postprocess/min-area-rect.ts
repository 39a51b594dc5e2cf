/**
 * @file Convex hulls and rectangles of minimum area. One side of such a rectangle lies on an edge of the hull
 * (H. Freeman, R. Shapira 1975); the rotating calipers (G. Toussaint 1983) visit all edges in linear time.
 */

import { atLeast, check, checkComplete, finite, type Kinds, tuple } from '../check.ts';
import { checkFlatPoints, type FlatPoints, type Point } from '../geometry/points.ts';
import { isTypedArray } from '../kind-of.ts';

export type { FlatPoints };

/** A rectangle in any orientation. */
export interface RotatedRect {
  center: Point;
  /** Length of the side that points along `angle`. */
  width: number;
  /** Length of the other side. */
  height: number;
  /** Radians from the x axis towards the y axis (clockwise on the screen), at least 0 and below pi / 2. */
  angle: number;
  /** Top-left, top-right, bottom-right, bottom-left; see `orderQuad`. */
  corners: [Point, Point, Point, Point];
}

/**
 * The rectangle of minimum area around points, as OpenCV's `minAreaRect`. Contours of pixels often have several
 * equally small rectangles. OpenCV computes in f32 and takes the last of the smallest, so that its rounding
 * decides; to choose the same one, the calipers here turn in f32 from the same corner. The corners of the chosen
 * rectangle are computed in f64.
 *
 * @example
 * const { center, width, height, angle } = minAreaRect(Int32Array.of(10, 10, 110, 10, 110, 40, 10, 40));
 *
 * @param points - at least one; a single point and points on a line give a rectangle without area
 * @throws DBNetError `invalid-argument` if there is no point
 */
export function minAreaRect(points: FlatPoints): RotatedRect {
  const hull = convexHull(points);
  if (hull.length < 6) return segmentRect(hull);
  const [dx, dy] = flushDirection(hull);
  let low = Number.POSITIVE_INFINITY;
  let near = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let far = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < hull.length; i += 2) {
    const along = hull[i] * dx + hull[i + 1] * dy;
    const across = hull[i + 1] * dx - hull[i] * dy;
    low = Math.min(low, along);
    high = Math.max(high, along);
    near = Math.min(near, across);
    far = Math.max(far, across);
  }
  return rectAlong(dx, dy, low, high, near, far);
}

const f32 = Math.fround;

/** The direction of a side of the smallest rectangle: that of an edge of the hull, after quarter turns. */
function flushDirection(hull: Float64Array): Point {
  const n = hull.length / 2;
  const next = (i: number) => (i + 1 < n ? i + 1 : 0);
  const edgeX = new Float64Array(n);
  const edgeY = new Float64Array(n);
  const perLength = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    edgeX[i] = hull[2 * next(i)] - hull[2 * i];
    edgeY[i] = hull[2 * next(i) + 1] - hull[2 * i + 1];
    perLength[i] = 1 / Math.sqrt(edgeX[i] ** 2 + edgeY[i] ** 2);
  }

  // The corners of the hull that the four sides touch: top, right, bottom, left. Side s looks in the direction
  // of the top side (ux, uy) after s quarter turns, and so does the edge that leaves its corner, or nearly.
  const touch = [1, 1, 1, 1];
  for (let k = 2; k <= n; k++) {
    const i = k % n;
    if (hull[2 * i + 1] < hull[2 * touch[0] + 1]) touch[0] = i;
    if (hull[2 * i] > hull[2 * touch[1]]) touch[1] = i;
    if (hull[2 * i + 1] > hull[2 * touch[2] + 1]) touch[2] = i;
    if (hull[2 * i] < hull[2 * touch[3]]) touch[3] = i;
  }
  let ux = 1;
  let uy = 0;
  let smallest = Number.POSITIVE_INFINITY;
  let best: Point = [1, 0];
  for (let step = 0; step < n; step++) {
    // The next side to lie on an edge is the one that has to turn least.
    let side = 0;
    let cosine = Number.NEGATIVE_INFINITY;
    for (let s = 0; s < 4; s++) {
      const i = touch[s];
      const [x, y] = turnBack(edgeX[i], edgeY[i], s);
      const c = f32(dot32(x, y, ux, uy) * perLength[i]);
      if (c > cosine) {
        cosine = c;
        side = s;
      }
    }
    const edge = touch[side];
    const direction = turnBack(edgeX[edge], edgeY[edge], side);
    ux = f32(direction[0] * perLength[edge]);
    uy = f32(direction[1] * perLength[edge]);
    touch[side] = next(edge);

    const [top, right, bottom, left] = touch;
    const width = dot32(hull[2 * right] - hull[2 * left], hull[2 * right + 1] - hull[2 * left + 1], ux, uy);
    const height = dot32(hull[2 * bottom + 1] - hull[2 * top + 1], hull[2 * top] - hull[2 * bottom], ux, uy);
    const area = f32(width * height);
    if (area <= smallest) {
      smallest = area;
      best = direction;
    }
  }
  return best;
}

/** A vector after quarter turns from y to x (counter-clockwise on the screen). */
function turnBack(x: number, y: number, quarters: number): Point {
  if (quarters === 0) return [x, y];
  if (quarters === 1) return [y, -x];
  return quarters === 2 ? [-x, -y] : [-y, x];
}

/** Dot product in f32. */
function dot32(ax: number, ay: number, bx: number, by: number): number {
  return f32(f32(f32(ax) * bx) + f32(f32(ay) * by));
}

/**
 * The rectangle between `low` and `high` along a vector and between `near` and `far` across it (dot products).
 * The vector is not a unit vector: with whole numbers, everything up to the division is then exact, and corners
 * that are whole stay whole.
 */
function rectAlong(
  dx: number,
  dy: number,
  low: number,
  high: number,
  near: number,
  far: number,
): RotatedRect {
  const length = Math.hypot(dx, dy);
  const length2 = dx * dx + dy * dy;
  const at = (s: number, t: number): Point => [(s * dx - t * dy) / length2, (s * dy + t * dx) / length2];
  const quarter = Math.PI / 2;
  const turns = Math.floor(Math.atan2(dy, dx) / quarter);
  const along = (high - low) / length;
  const across = (far - near) / length;
  return {
    center: at((low + high) / 2, (near + far) / 2),
    width: turns % 2 === 0 ? along : across,
    height: turns % 2 === 0 ? across : along,
    angle: Math.atan2(dy, dx) - turns * quarter,
    corners: orderQuad([at(low, near), at(high, near), at(high, far), at(low, far)]),
  };
}

const pair = tuple<Point>('two finite numbers [x, y]', 2, finite);
const corners = tuple<[Point, Point, Point, Point]>('four points [x, y]', 4, pair);
const rectKinds: Kinds<RotatedRect> = {
  center: pair,
  width: atLeast(0),
  height: atLeast(0),
  angle: finite,
  corners,
};

/** @throws DBNetError `invalid-argument` */
export function checkRect(rect: RotatedRect): void {
  checkComplete('rect', rect, rectKinds);
}

/**
 * A rectangle with the same centre and angle whose sides are all moved outwards by `distance`.
 *
 * @example
 * import { growRect, minAreaRect } from 'dbnet-webgpu/postprocess';
 *
 * // 110 x 40 pixels.
 * const rect = growRect(minAreaRect(Int32Array.of(10, 10, 110, 10, 110, 40, 10, 40)), 5);
 *
 * @throws DBNetError `invalid-argument`
 */
export function growRect(rect: RotatedRect, distance: number): RotatedRect {
  checkRect(rect);
  check('distance', distance, finite);
  const { center, angle } = rect;
  const width = rect.width + 2 * distance;
  const height = rect.height + 2 * distance;
  const ux = Math.cos(angle) / 2;
  const uy = Math.sin(angle) / 2;
  const at = (s: number, t: number): Point => [center[0] + s * ux - t * uy, center[1] + s * uy + t * ux];
  return {
    center,
    width,
    height,
    angle,
    corners: orderQuad([at(-width, -height), at(width, -height), at(width, height), at(-width, height)]),
  };
}

/** The rectangle without area around one point or two. */
function segmentRect(hull: Float64Array): RotatedRect {
  const [x0, y0, x1, y1] = hull;
  if (hull.length === 2) return rectAlong(1, 0, x0, x0, y0, y0);
  const dx = x1 - x0;
  const dy = y1 - y0;
  const across = y0 * dx - x0 * dy;
  return rectAlong(dx, dy, x0 * dx + y0 * dy, x1 * dx + y1 * dy, across, across);
}

/**
 * Puts four corners in the order top-left, top-right, bottom-right, bottom-left by the rule of the authors'
 * `get_mini_boxes`: the two leftmost are the left ones, and of each two the upper one is the top one. Corners
 * with the same x are taken from top to bottom.
 *
 * @example
 * orderQuad([[110, 40], [10, 40], [10, 10], [110, 10]]); // from the top left, clockwise
 *
 * @throws DBNetError `invalid-argument` for anything but four points
 */
export function orderQuad(points: readonly Point[]): [Point, Point, Point, Point] {
  const [a, b, c, d] = [...check('points', points, corners)].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  const [topLeft, bottomLeft] = b[1] > a[1] ? [a, b] : [b, a];
  const [topRight, bottomRight] = d[1] > c[1] ? [c, d] : [d, c];
  return [topLeft, topRight, bottomRight, bottomLeft];
}

/**
 * The corners of the convex hull, clockwise on the screen (y down) from the first one of the uppermost row,
 * without points on its edges. Andrew's monotone chain.
 *
 * @example
 * const hull = convexHull(Int32Array.of(10, 10, 110, 10, 110, 40, 10, 40, 60, 20));
 *
 * @throws DBNetError `invalid-argument` if there is no point
 */
export function convexHull(points: FlatPoints): Float64Array {
  checkFlatPoints('points', points, 1);
  const sorted = rowExtremes(points) ?? sortByRow(points);
  const n = sorted.length / 2;
  if (n < 3) return sorted;
  const hull = new Float64Array(2 * n + 2);
  let size = 0;
  const add = (i: number, from: number) => {
    const x = sorted[2 * i];
    const y = sorted[2 * i + 1];
    while (size >= from + 2) {
      const ax = hull[2 * size - 4];
      const ay = hull[2 * size - 3];
      const turn = (hull[2 * size - 2] - ax) * (y - ay) - (hull[2 * size - 1] - ay) * (x - ax);
      if (turn > 0) break;
      size--;
    }
    hull[2 * size] = x;
    hull[2 * size + 1] = y;
    size++;
  };
  for (let i = 0; i < n; i++) add(i, 0);
  const half = size - 1;
  for (let i = n - 2; i >= 0; i--) add(i, half);
  // The chain ends where it began.
  return hull.slice(0, 2 * (size - 1));
}

/**
 * The leftmost and the rightmost point of each row, by row; no other point is a corner of the hull. Linear, for
 * contours; undefined for points that are not whole or are few for their rows.
 */
function rowExtremes(points: FlatPoints): Float64Array | undefined {
  if (isTypedArray(points, 'Float64Array')) return undefined;
  let top = points[1];
  let bottom = points[1];
  for (let i = 3; i < points.length; i += 2) {
    if (points[i] < top) top = points[i];
    else if (points[i] > bottom) bottom = points[i];
  }
  const rows = bottom - top + 1;
  if (rows > points.length) return undefined;
  const left = new Int32Array(rows).fill(0x7fffffff);
  const right = new Int32Array(rows).fill(-0x80000000);
  for (let i = 0; i < points.length; i += 2) {
    const row = points[i + 1] - top;
    if (points[i] < left[row]) left[row] = points[i];
    if (points[i] > right[row]) right[row] = points[i];
  }
  const extremes = new Float64Array(4 * rows);
  let size = 0;
  for (let row = 0; row < rows; row++) {
    if (left[row] > right[row]) continue;
    extremes[size++] = left[row];
    extremes[size++] = top + row;
    if (left[row] === right[row]) continue;
    extremes[size++] = right[row];
    extremes[size++] = top + row;
  }
  return extremes.subarray(0, size);
}

/** All points, each once, from top to bottom and from left to right. */
function sortByRow(points: FlatPoints): Float64Array {
  const order = Array.from({ length: points.length / 2 }, (_, i) => i);
  order.sort((a, b) => points[2 * a + 1] - points[2 * b + 1] || points[2 * a] - points[2 * b]);
  const sorted = new Float64Array(points.length);
  let size = 0;
  for (const i of order) {
    const x = points[2 * i];
    const y = points[2 * i + 1];
    if (size > 0 && sorted[size - 2] === x && sorted[size - 1] === y) continue;
    sorted[size++] = x;
    sorted[size++] = y;
  }
  return sorted.subarray(0, size);
}
