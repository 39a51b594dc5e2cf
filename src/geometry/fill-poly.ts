/**
 * @file Fills polygons as OpenCV's `fillPoly` does: corners on whole pixels; filled are the inside by the even-odd
 * rule and the pixels of the edges (8-connected lines). Several rings that are added one after the other are
 * filled together, so that a ring in a ring is a hole.
 */

import { scratchKind } from '../check.ts';

/** Memory that is used again from polygon to polygon; the marks are all zero between calls. */
export interface FillScratch {
  marks: Uint8Array;
  /** One bit for each 32 pixels of a row, set where one of them is marked, so that the inside need not be searched. */
  blocks: Uint32Array;
  /** Size of the box that is being filled. */
  width: number;
  height: number;
}

export const fillScratch = scratchKind<FillScratch>('createFillScratch');

/**
 * An empty scratch; it grows to the largest polygon.
 *
 * @example
 * import { createFillScratch, labelMaps } from 'dbnet-webgpu/labels';
 *
 * const scratch = createFillScratch();
 * for (const width of [320, 640]) {
 *   labelMaps([{ points: [[10, 10], [110, 10], [110, 40], [10, 40]] }], { width, height: 320 }, { scratch });
 * }
 */
export function createFillScratch(): FillScratch {
  return fillScratch.mark({ marks: new Uint8Array(0), blocks: new Uint32Array(0), width: 0, height: 0 });
}

/** This pixel and all after it in the row change sides. */
const TOGGLE = 1;
/** This pixel lies on an edge. */
const EDGE = 2;

/** Whole pixels, the last ones included. */
export interface PixelBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/**
 * The whole pixels around points, kept inside a map: what is to be filled. Edges may leave it only where it ends
 * at the map's border.
 *
 * @param rings - each x0, y0, x1, y1, ...; at least one point
 */
export function pixelBox(
  rings: readonly (Int32Array | Float64Array)[],
  width: number,
  height: number,
): PixelBox {
  let left = Number.POSITIVE_INFINITY;
  let top = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (const points of rings) {
    for (let i = 0; i < points.length; i += 2) {
      left = Math.min(left, points[i]);
      right = Math.max(right, points[i]);
      top = Math.min(top, points[i + 1]);
      bottom = Math.max(bottom, points[i + 1]);
    }
  }
  const clip = (value: number, size: number) => Math.min(Math.max(value, 0), size - 1);
  return {
    left: clip(Math.floor(left), width),
    top: clip(Math.floor(top), height),
    right: clip(Math.ceil(right), width),
    bottom: clip(Math.ceil(bottom), height),
  };
}

/** Begins to fill in a box of this size. */
export function startFill(scratch: FillScratch, width: number, height: number): void {
  if (scratch.marks.length < width * height) scratch.marks = new Uint8Array(width * height);
  const words = wordsOfRow(width) * height;
  if (scratch.blocks.length < words) scratch.blocks = new Uint32Array(words);
  scratch.width = width;
  scratch.height = height;
}

/** Words of `blocks` for a row of pixels. */
const wordsOfRow = (width: number) => Math.ceil(width / 1024);

/**
 * Visits what the edges added since `startFill` enclose, row by row: runs of pixels `from` to (not including)
 * `to`. The marks are zero afterwards.
 */
export function finishFill(
  { marks, blocks, width, height }: FillScratch,
  visit: (y: number, from: number, to: number) => void,
): void {
  const words = wordsOfRow(width);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let inside = 0;
    let from = -1;
    let x = 0;
    for (let word = 0; word < words; word++) {
      let bits = blocks[y * words + word];
      blocks[y * words + word] = 0;
      for (; bits !== 0; bits &= bits - 1) {
        const block = 32 * (32 * word + 31 - Math.clz32(bits & -bits));
        // Nothing is marked up to this block: an edge ends, the inside goes on.
        if (from >= 0 && inside === 0 && block > x) {
          visit(y, from, x);
          from = -1;
        }
        const end = Math.min(block + 32, width);
        for (x = block; x < end; x++) {
          const mark = marks[row + x];
          marks[row + x] = 0;
          inside ^= mark & TOGGLE;
          if ((inside | (mark & EDGE)) !== 0) {
            if (from < 0) from = x;
          } else if (from >= 0) {
            visit(y, from, x);
            from = -1;
          }
        }
      }
    }
    // Whoever is inside at the end has a crossing to the right of the box: the row is filled up to its end.
    if (from >= 0) visit(y, from, inside === 0 ? x : width);
  }
}

/**
 * Adds an edge between whole pixels, which count from the corner of the box. One that leaves the box is first
 * cut off there, at whole pixels as OpenCV does it: that bends the edge a little. What lies outside still counts
 * for the inside of the rows to its right.
 */
export function addEdge(scratch: FillScratch, x0: number, y0: number, x1: number, y1: number): void {
  const cut = clipLine(scratch.width, scratch.height, x0, y0, x1, y1);
  if (cut === undefined) {
    markCrossings(scratch, x0, y0, x1, y1);
    return;
  }
  const [ax, ay, bx, by] = cut;
  markCrossings(scratch, x0, y0, ax, ay);
  markCrossings(scratch, ax, ay, bx, by);
  markCrossings(scratch, bx, by, x1, y1);
  markLine(scratch, ax, ay, bx, by);
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
function markCrossings(scratch: FillScratch, x0: number, y0: number, x1: number, y1: number): void {
  const { width, height } = scratch;
  if (y0 === y1) return;
  const upper = Math.min(y0, y1);
  const lower = Math.min(Math.max(y0, y1), height);
  const slope = (x1 - x0) / (y1 - y0);
  for (let y = Math.max(upper, 0); y < lower; y++) {
    const x = Math.max(0, Math.ceil(x0 + (y - y0) * slope));
    if (x < width) mark(scratch, x, y, TOGGLE);
  }
}

/** Marks the pixels of an edge inside the box: Bresenham's line, drawn from left to right as OpenCV does. */
function markLine(scratch: FillScratch, x0: number, y0: number, x1: number, y1: number): void {
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
    mark(scratch, x, y, EDGE);
  }
}

/** Sets a mark at a pixel of the box. */
function mark({ marks, blocks, width }: FillScratch, x: number, y: number, bit: number): void {
  // Two crossings at one pixel cancel out; two edges do not.
  if (bit === TOGGLE) marks[y * width + x] ^= TOGGLE;
  else marks[y * width + x] |= EDGE;
  blocks[y * wordsOfRow(width) + (x >> 10)] |= 1 << ((x >> 5) & 31);
}
