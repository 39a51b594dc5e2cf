/**
 * @file Filled polygons as spans: the pixels that OpenCV's `fillPoly` fills, as runs within the rows of a map. So the
 * fill and what is done with its pixels (a mean, on the CPU or elsewhere) are apart.
 */

/**
 * Spans of pixels in groups, one group per polygon. Span `i` begins at pixel `spans[2 * i]` (row-major index in the
 * map) and has `spans[2 * i + 1]` pixels of one row. Group `g` has the spans `starts[g]` up to (not including)
 * `starts[g + 1]`.
 */
export interface SpanGroups {
  groups: number;
  spans: Uint32Array<ArrayBuffer>;
  starts: Uint32Array<ArrayBuffer>;
}

/** No groups, with some room; it grows as groups are added. */
export function createSpanGroups(): SpanGroups {
  return { groups: 0, spans: new Uint32Array(4096), starts: new Uint32Array(129) };
}

/** Memory that is used again from polygon to polygon; the marks are all zero between calls. */
export interface FillScratch {
  marks: Uint8Array;
  /** First and last marked pixel of each row. */
  extents: Int32Array;
}

/** An empty scratch; it grows to the largest polygon. */
export function createFillScratch(): FillScratch {
  return { marks: new Uint8Array(0), extents: new Int32Array(0) };
}

/** This pixel and all after it in the row change sides. */
const TOGGLE = 1;
/** This pixel lies on an edge. */
const EDGE = 2;

/**
 * Adds a filled polygon as a group: its inside by the even-odd rule and the pixels of its edges (8-connected
 * lines), as `cv2.fillPoly` fills it. Corners are cut to whole numbers first, towards the corner of the
 * bounding box, as in the authors' code. Only the polygon's own part of each row is visited.
 *
 * @param points - x0, y0, x1, y1, ...; may lie outside the map
 * @param map - size of the map, pixels
 * @returns how many pixels of the polygon are in the map
 */
export function addFilledPolygon(
  points: Int32Array | Float64Array,
  map: { width: number; height: number },
  groups: SpanGroups,
  scratch: FillScratch,
): number {
  const box = clippedBounds(points, map.width, map.height);
  const width = box.right - box.left + 1;
  const height = box.bottom - box.top + 1;
  if (scratch.marks.length < width * height) scratch.marks = new Uint8Array(width * height);
  if (scratch.extents.length < 2 * height) scratch.extents = new Int32Array(2 * height);
  const { marks, extents } = scratch;
  for (let y = 0; y < height; y++) {
    extents[2 * y] = width;
    extents[2 * y + 1] = -1;
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

  let end = groups.starts[groups.groups];
  let pixels = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const from = (box.top + y) * map.width + box.left;
    const last = extents[2 * y + 1];
    let inside = 0;
    let first = -1;
    for (let x = extents[2 * y]; x <= last; x++) {
      const mark = marks[row + x];
      marks[row + x] = 0;
      inside ^= mark & TOGGLE;
      if ((inside | (mark & EDGE)) !== 0) {
        if (first < 0) first = x;
      } else if (first >= 0) {
        end = addSpan(groups, end, from + first, x - first);
        pixels += x - first;
        first = -1;
      }
    }
    if (first >= 0) {
      end = addSpan(groups, end, from + first, last + 1 - first);
      pixels += last + 1 - first;
    }
  }
  endGroup(groups, end);
  return pixels;
}

/** Adds every row of a map as a group of one span. */
export function addRows(map: { width: number; height: number }, groups: SpanGroups): void {
  for (let y = 0; y < map.height; y++) {
    endGroup(groups, addSpan(groups, groups.starts[groups.groups], y * map.width, map.width));
  }
}

/** Writes span number `at` and gives the number of the next. */
function addSpan(groups: SpanGroups, at: number, first: number, length: number): number {
  if (2 * at === groups.spans.length) groups.spans = doubled(groups.spans);
  groups.spans[2 * at] = first;
  groups.spans[2 * at + 1] = length;
  return at + 1;
}

/** The spans before `end` that are in no group yet become one. */
function endGroup(groups: SpanGroups, end: number): void {
  groups.groups++;
  if (groups.groups === groups.starts.length) groups.starts = doubled(groups.starts);
  groups.starts[groups.groups] = end;
}

function doubled(values: Uint32Array): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(2 * values.length);
  grown.set(values);
  return grown;
}

/** Sets a mark at a pixel of the box and widens its row's extent to it. */
function mark(scratch: FillScratch, width: number, x: number, y: number, bit: number): void {
  // Two crossings at one pixel cancel out; two edges do not.
  if (bit === TOGGLE) scratch.marks[y * width + x] ^= TOGGLE;
  else scratch.marks[y * width + x] |= EDGE;
  if (x < scratch.extents[2 * y]) scratch.extents[2 * y] = x;
  if (x > scratch.extents[2 * y + 1]) scratch.extents[2 * y + 1] = x;
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
  scratch: FillScratch,
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
  scratch: FillScratch,
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
    else scratch.extents[2 * y + 1] = width - 1;
  }
}

/** Marks the pixels of an edge inside the box: Bresenham's line, drawn from left to right as OpenCV does. */
function markLine(scratch: FillScratch, width: number, x0: number, y0: number, x1: number, y1: number): void {
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
