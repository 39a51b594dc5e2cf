/**
 * @file Scores: the mean of P over a filled polygon, as the authors' `box_score_fast` and `box_score_slow`
 * (OpenCV's `fillPoly`, then `mean`). Which polygon is filled makes the difference between fast and slow.
 */

/** The values that are averaged, row-major. */
export interface ScoreMap {
  data: Float32Array;
  width: number;
  height: number;
}

/** Memory that is used again from polygon to polygon; the marks are all zero between calls. */
export interface ScoreScratch {
  marks: Uint8Array;
  /** First and last marked pixel of each row. */
  spans: Int32Array;
}

/** An empty scratch; it grows to the largest polygon. */
export function createScoreScratch(): ScoreScratch {
  return { marks: new Uint8Array(0), spans: new Int32Array(0) };
}

/** This pixel and all after it in the row change sides. */
const TOGGLE = 1;
/** This pixel lies on an edge. */
const EDGE = 2;

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
  const box = clippedBounds(points, map.width, map.height);
  const width = box.right - box.left + 1;
  const height = box.bottom - box.top + 1;
  if (scratch.marks.length < width * height) scratch.marks = new Uint8Array(width * height);
  if (scratch.spans.length < 2 * height) scratch.spans = new Int32Array(2 * height);
  const { marks, spans } = scratch;
  for (let y = 0; y < height; y++) {
    spans[2 * y] = width;
    spans[2 * y + 1] = -1;
  }

  const n = points.length;
  let x0 = Math.trunc(points[n - 2] - box.left);
  let y0 = Math.trunc(points[n - 1] - box.top);
  for (let i = 0; i < n; i += 2) {
    const x1 = Math.trunc(points[i] - box.left);
    const y1 = Math.trunc(points[i + 1] - box.top);
    markEdge(scratch, width, height, x0, y0, x1, y1);
    x0 = x1;
    y0 = y1;
  }

  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const from = (box.top + y) * map.width + box.left;
    const last = spans[2 * y + 1];
    let inside = 0;
    for (let x = spans[2 * y]; x <= last; x++) {
      const mark = marks[row + x];
      marks[row + x] = 0;
      inside ^= mark & TOGGLE;
      if ((inside | (mark & EDGE)) !== 0) {
        sum += map.data[from + x];
        count++;
      }
    }
  }
  return count > 0 ? sum / count : 0;
}

/** Sets a mark at a pixel of the box and widens its row's span to it. */
function mark(scratch: ScoreScratch, width: number, x: number, y: number, bit: number): void {
  // Two crossings at one pixel cancel out; two edges do not.
  if (bit === TOGGLE) scratch.marks[y * width + x] ^= TOGGLE;
  else scratch.marks[y * width + x] |= EDGE;
  if (x < scratch.spans[2 * y]) scratch.spans[2 * y] = x;
  if (x > scratch.spans[2 * y + 1]) scratch.spans[2 * y + 1] = x;
}

interface Bounds {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The whole pixels around the points, kept inside the map. */
function clippedBounds(points: Int32Array | Float64Array, width: number, height: number): Bounds {
  let left = points[0];
  let right = points[0];
  let top = points[1];
  let bottom = points[1];
  for (let i = 2; i < points.length; i += 2) {
    if (points[i] < left) left = points[i];
    else if (points[i] > right) right = points[i];
    if (points[i + 1] < top) top = points[i + 1];
    else if (points[i + 1] > bottom) bottom = points[i + 1];
  }
  const clip = (value: number, size: number) => Math.min(Math.max(value, 0), size - 1);
  return {
    left: clip(Math.floor(left), width),
    top: clip(Math.floor(top), height),
    right: clip(Math.ceil(right), width),
    bottom: clip(Math.ceil(bottom), height),
  };
}

/**
 * Marks an edge. One that leaves the box is first cut off there, at whole pixels as OpenCV does it: that bends
 * the edge a little. What lies outside still counts for the inside of the rows to its right.
 */
function markEdge(
  scratch: ScoreScratch,
  width: number,
  height: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): void {
  const cut = clipLine(width, height, x0, y0, x1, y1);
  if (cut === undefined) {
    markCrossings(scratch, width, height, x0, y0, x1, y1);
    return;
  }
  const [ax, ay, bx, by] = cut;
  markCrossings(scratch, width, height, x0, y0, ax, ay);
  markCrossings(scratch, width, height, ax, ay, bx, by);
  markCrossings(scratch, width, height, bx, by, x1, y1);
  markLine(scratch, width, ax, ay, bx, by);
}

/**
 * The part of a line inside a box from (0, 0), by cutting it at the horizontal borders, then at the vertical
 * ones (I. Sutherland, D. Cohen); the end points are cut to whole numbers. Undefined if nothing is left.
 */
function clipLine(
  width: number,
  height: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): [x0: number, y0: number, x1: number, y1: number] | undefined {
  const right = width - 1;
  const bottom = height - 1;
  if (Math.max(y0, y1) < 0 || Math.min(y0, y1) > bottom) return undefined;
  let [ax, ay, bx, by] = [x0, y0, x1, y1];
  if (ay < 0 || ay > bottom) {
    const y = ay < 0 ? 0 : bottom;
    ax += Math.trunc(((y - ay) * (bx - ax)) / (by - ay));
    ay = y;
  }
  if (by < 0 || by > bottom) {
    const y = by < 0 ? 0 : bottom;
    bx += Math.trunc(((y - by) * (bx - ax)) / (by - ay));
    by = y;
  }
  if (Math.max(ax, bx) < 0 || Math.min(ax, bx) > right) return undefined;
  if (ax < 0 || ax > right) {
    const x = ax < 0 ? 0 : right;
    ay += Math.trunc(((x - ax) * (by - ay)) / (bx - ax));
    ax = x;
  }
  if (bx < 0 || bx > right) {
    const x = bx < 0 ? 0 : right;
    by += Math.trunc(((x - bx) * (by - ay)) / (bx - ax));
    bx = x;
  }
  return [ax, ay, bx, by];
}

/**
 * Toggles, in each row that the edge crosses, the first pixel to the right of the crossing. Where a crossing
 * hits a pixel exactly, the pixel is on the edge and is counted as such.
 */
function markCrossings(
  scratch: ScoreScratch,
  width: number,
  height: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): void {
  if (y0 === y1) return;
  const upper = Math.min(y0, y1);
  const lower = Math.min(Math.max(y0, y1), height);
  const slope = (x1 - x0) / (y1 - y0);
  for (let y = Math.max(upper, 0); y < lower; y++) {
    const x = Math.max(0, Math.ceil(x0 + (y - y0) * slope));
    if (x < width) mark(scratch, width, x, y, TOGGLE);
    // The crossing lies to the right of the map: the row is filled up to its end.
    else scratch.spans[2 * y + 1] = width - 1;
  }
}

/** Marks the pixels of an edge inside the box: Bresenham's line, drawn from left to right as OpenCV does. */
function markLine(
  scratch: ScoreScratch,
  width: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): void {
  const forward = x0 <= x1;
  const startX = forward ? x0 : x1;
  const startY = forward ? y0 : y1;
  const dx = Math.abs(x1 - x0);
  const dy = forward ? y1 - y0 : y0 - y1;
  const stepY = Math.sign(dy);
  const long = Math.max(dx, Math.abs(dy));
  const short = Math.min(dx, Math.abs(dy));
  const steep = Math.abs(dy) > dx;
  for (let i = 0; i <= long; i++) {
    // Halves are rounded down.
    const minor = long > 0 ? Math.ceil((i * short) / long - 0.5) : 0;
    const x = startX + (steep ? minor : i);
    const y = startY + (steep ? i : minor) * stepY;
    mark(scratch, width, x, y, EDGE);
  }
}
