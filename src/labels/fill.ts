/** @file Fills polygons in a map: OpenCV's `fillPoly` with corners rounded to the nearest pixel. */

import { addEdge, type FillScratch, finishFill, pixelBox, startFill } from '../geometry/fill-poly.ts';

/**
 * Sets the pixels of a polygon to a value. Several rings are filled together by the even-odd rule.
 *
 * @param map - row-major
 * @param rings - each x0, y0, x1, y1, ...; may reach outside of the map
 */
export function fillRings(
  map: Float32Array,
  width: number,
  height: number,
  rings: readonly Float64Array[],
  value: number,
  scratch: FillScratch,
): void {
  if (rings.length === 0) return;
  const rounded = rings.map((ring) => ring.map(Math.round));
  const { left, top, right, bottom } = pixelBox(rounded, width, height);
  startFill(scratch, right - left + 1, bottom - top + 1);
  for (const ring of rounded) {
    let x0 = ring[ring.length - 2] - left;
    let y0 = ring[ring.length - 1] - top;
    for (let i = 0; i < ring.length; i += 2) {
      const x1 = ring[i] - left;
      const y1 = ring[i + 1] - top;
      addEdge(scratch, x0, y0, x1, y1);
      x0 = x1;
      y0 = y1;
    }
  }
  finishFill(scratch, (y, from, to) => {
    const row = (top + y) * width + left;
    map.fill(value, row + from, row + to);
  });
}
