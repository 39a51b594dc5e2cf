/**
 * @file Filled polygons as spans: the pixels that OpenCV's `fillPoly` fills, as runs within the rows of a map. So the
 * fill and what is done with its pixels are apart: of outlines in outlines the values are added up once for all.
 */

import { addEdge, type FillScratch, finishFill, pixelBox, startFill } from '../geometry/fill-poly.ts';
import { contentOf, type PaddedSize } from '../size.ts';

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

/**
 * Adds a filled polygon as a group: its inside by the even-odd rule and the pixels of its edges (8-connected
 * lines), as `cv2.fillPoly` fills it. Corners are cut to whole numbers first, towards the corner of the
 * bounding box, as in the authors' code. Only the polygon's own part of each row is visited.
 *
 * @param points - x0, y0, x1, y1, ...; may lie outside the map
 * @param map - size of the map, pixels; what lies beyond its content is outside
 * @returns how many pixels of the polygon are in the content of the map
 */
export function addFilledPolygon(
  points: Int32Array | Float64Array,
  map: PaddedSize,
  groups: SpanGroups,
  scratch: FillScratch,
): number {
  const content = contentOf(map);
  const { left, top, right, bottom } = pixelBox([points], content.width, content.height);
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
  let end = groups.starts[groups.groups];
  let pixels = 0;
  finishFill(scratch, (y, from, to) => {
    end = addSpan(groups, end, (top + y) * map.width + left + from, to - from);
    pixels += to - from;
  });
  endGroup(groups, end);
  return pixels;
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
