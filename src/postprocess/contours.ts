/**
 * @file Border following: S. Suzuki, K. Abe, "Topological structural analysis of digitized binary images by
 * border following", CVGIP 30 (1985), algorithm 1 without the hierarchy. Gives the contours of OpenCV's
 * `findContours(RETR_LIST, CHAIN_APPROX_SIMPLE)`: 8-connected borders of components and of their holes, of
 * which only the points stay where the direction changes.
 */

import { check, scratchKind, typedArray, whole } from '../check.ts';
import { frameMask } from './binarize.ts';
import { checkLength } from './validate.ts';

/**
 * The contours of a mask. Contour `i` has the points `starts[i]` up to (not including) `starts[i + 1]`;
 * point `j` is `points[2 * j], points[2 * j + 1]` (x, y). Outer borders run counter-clockwise as seen on the
 * screen (y down), borders of holes clockwise, each from the first of its pixels that the scan met.
 */
export interface Contours {
  count: number;
  points: Int32Array;
  starts: Int32Array;
  /** The area (shoelace formula through the pixel centres, without sign) of each contour. */
  areas: Float64Array;
}

/** Memory that is used again from call to call; the contours of a call stay valid until the next. */
export interface ContourScratch {
  labels: Int8Array;
  points: Int32Array;
  starts: Int32Array;
  areas: Float64Array;
}

const contourScratch = scratchKind<ContourScratch>('createContourScratch');

/**
 * An empty scratch; it grows to what the masks need.
 *
 * @example
 * import { createContourScratch, findContours } from 'dbnet-webgpu/postprocess';
 *
 * const scratch = createContourScratch();
 * const contours = findContours(new Uint8Array(64 * 64).fill(1), 64, 64, scratch);
 */
export function createContourScratch(): ContourScratch {
  return contourScratch.mark({
    labels: new Int8Array(0),
    points: new Int32Array(4096),
    starts: new Int32Array(257),
    areas: new Float64Array(256),
  });
}

/** Neighbours counter-clockwise from east (y down), twice, so that a search needs no modulo. */
const STEP_X = Int8Array.of(1, 1, 0, -1, -1, -1, 0, 1, 1, 1, 0, -1, -1, -1, 0, 1);
const STEP_Y = Int8Array.of(0, -1, -1, -1, 0, 1, 1, 1, 0, -1, -1, -1, 0, 1, 1, 1);
const EAST = 0;
const WEST = 4;

// Labels of the framed mask. The paper numbers the borders; without the hierarchy the sign alone matters.
const UNSEEN = 1;
const SEEN = 2;
/** Seen, and the pixel to the east is background that this border has passed: no hole border starts here. */
const SEEN_EAST = -2;

/**
 * The contours of a mask of 0 and 1, row-major, in scan order (OpenCV returns the reverse).
 *
 * @example
 * const contours = findContours(new Uint8Array(64 * 64).fill(1), 64, 64);
 *
 * @returns views of `scratch`, valid until it is used again
 * @throws DBNetError `invalid-argument` if the mask does not fit its size
 */
export function findContours(
  mask: Uint8Array,
  width: number,
  height: number,
  scratch: ContourScratch = createContourScratch(),
): Contours {
  check('mask', mask, typedArray('Uint8Array'));
  check('width', width, whole(1));
  check('height', height, whole(1));
  check('scratch', scratch, contourScratch);
  checkLength('mask', mask.length, width * height, `pixels for ${width} x ${height}`);
  frameMask(mask, { width, height }, scratch);
  return traceContours(width, height, scratch);
}

/** `findContours` for a mask that already stands in `scratch.labels`, with its frame (see `binarize.ts`). */
export function traceContours(width: number, height: number, scratch: ContourScratch): Contours {
  const { labels } = scratch;
  const stride = width + 2;
  let count = 0;
  let end = 0;
  scratch.starts[0] = 0;
  for (let y = 0; y < height; y++) {
    const row = (y + 1) * stride + 1;
    let west = 0;
    for (let x = 0; x < width; x++) {
      const label = labels[row + x];
      if (label === west) continue;
      let from = -1;
      let startX = x;
      if (west === 0 && label === UNSEEN) {
        from = WEST;
      } else if (label === 0 && west > 0) {
        from = EAST;
        startX = x - 1;
      }
      if (from >= 0) {
        if (count === scratch.areas.length) growContours(scratch);
        end = followBorder(scratch, stride, startX, y, from, end);
        scratch.areas[count] = Math.abs(area2(scratch.points, scratch.starts[count], end)) / 2;
        scratch.starts[++count] = end;
      }
      west = labels[row + x];
    }
  }
  return {
    count,
    points: scratch.points.subarray(0, 2 * end),
    starts: scratch.starts.subarray(0, count + 1),
    areas: scratch.areas.subarray(0, count),
  };
}

/**
 * Follows one border from its starting pixel and appends its points.
 *
 * @param from - direction of the background pixel that gave the border away
 * @returns the new number of points
 */
function followBorder(
  scratch: ContourScratch,
  stride: number,
  startX: number,
  startY: number,
  from: number,
  end: number,
): number {
  const { labels } = scratch;
  let points = 2 * end === scratch.points.length ? growPoints(scratch) : scratch.points;
  const start = (startY + 1) * stride + startX + 1;

  // Clockwise from the background pixel to the last pixel of the border, which comes before the start.
  let back = from + 8;
  do back--;
  while (back > from && labels[start + STEP_Y[back] * stride + STEP_X[back]] === 0);
  if (back === from) {
    labels[start] = SEEN_EAST;
    points[2 * end] = startX;
    points[2 * end + 1] = startY;
    return end + 1;
  }
  const last = start + STEP_Y[back] * stride + STEP_X[back];
  back &= 7;

  let pixel = start;
  let x = startX;
  let y = startY;
  let heading = (back + 4) & 7; // the direction in which the border arrived at this pixel
  for (;;) {
    // Counter-clockwise from where the border came from to the next pixel of the border.
    let direction = back + 1;
    let next = pixel + STEP_Y[direction] * stride + STEP_X[direction];
    while (labels[next] === 0) {
      direction++;
      next = pixel + STEP_Y[direction] * stride + STEP_X[direction];
    }
    if (direction > 8) labels[pixel] = SEEN_EAST;
    else if (labels[pixel] === UNSEEN) labels[pixel] = SEEN;
    direction &= 7;
    if (direction !== heading) {
      if (2 * end === points.length) points = growPoints(scratch);
      points[2 * end] = x;
      points[2 * end + 1] = y;
      end++;
      heading = direction;
    }
    if (next === start && pixel === last) return end;
    x += STEP_X[direction];
    y += STEP_Y[direction];
    pixel = next;
    back = (direction + 4) & 7;
  }
}

/** Twice the signed area of the points `from` to `to` (shoelace formula). */
function area2(points: Int32Array, from: number, to: number): number {
  let sum = 0;
  let x0 = points[2 * to - 2];
  let y0 = points[2 * to - 1];
  for (let i = 2 * from; i < 2 * to; i += 2) {
    const x1 = points[i];
    const y1 = points[i + 1];
    sum += x0 * y1 - x1 * y0;
    x0 = x1;
    y0 = y1;
  }
  return sum;
}

function growPoints(scratch: ContourScratch): Int32Array {
  const grown = new Int32Array(2 * scratch.points.length);
  grown.set(scratch.points);
  scratch.points = grown;
  return grown;
}

function growContours(scratch: ContourScratch): void {
  const areas = new Float64Array(2 * scratch.areas.length);
  areas.set(scratch.areas);
  scratch.areas = areas;
  const starts = new Int32Array(areas.length + 1);
  starts.set(scratch.starts);
  scratch.starts = starts;
}
