/**
 * @file From labelled polygons to the maps that DBNet is trained on: paper, section "Label generation";
 * `MakeSegDetectionData` and `MakeBorderMap` of the authors' code.
 */

import { checkOptions, checkSize } from '../check.ts';
import { createFillScratch, type FillScratch } from '../geometry/fill-poly.ts';
import { fromPath, offsetDistance, offsetPaths } from '../geometry/offset.ts';
import { checkLabels } from '../geometry/points.ts';
import { perimeter, signedArea } from '../geometry/polygon.ts';
import { drawThreshold } from './draw-threshold.ts';
import { fillRings } from './fill.ts';
import { checkArrays, labelMapsKinds, resolveLabelOptions } from './options.ts';
import { clampPoints, type Part, toParts } from './parts.ts';
import type {
  IgnoredPolygon,
  LabelArrays,
  LabelMapOptions,
  LabelMaps,
  LabelMapsOptions,
  LabelPolygon,
} from './types.ts';

/** Below this many square pixels a polygon is no text, as in the authors' code. */
const MINIMUM_AREA = 1;

/** Everything that a polygon is drawn with. */
interface Canvas {
  maps: LabelArrays;
  width: number;
  height: number;
  options: LabelMapOptions;
  scratch: FillScratch;
}

/**
 * The label maps of one image. Pixel centres lie on whole numbers.
 *
 * Every polygon is clipped to the image and freed of self-crossings (non-zero rule) first; if it is in several
 * parts then, each is a polygon of its own, with its own D = A (1 - r^2) / L. Shrinking and dilating are exact to
 * 1/256 px, with round joins; all parts of a polygon that splits when it is shrunk are filled, holes stay free.
 * A part that is ignored, has less than 1 square pixel, a bounding box narrower than `minimumSize`, or nothing
 * left when it is shrunk, is put out of the probability mask and leaves the threshold alone. A polygon without
 * any area counts as the line that it is; one outside of the image leaves no trace.
 *
 * @example
 * const { probability, threshold } = labelMaps([{ points: [[8, 8], [90, 8], [90, 30], [8, 30]] }], { width: 640, height: 640 });
 *
 * @param size - of the image and of the maps, pixels
 * @param options - see `LabelMapsOptions`; what is left out has the value of `labelMapDefaults`
 * @throws DBNetError `invalid-argument` for a wrong option, arrays that do not fit the size, and polygons of fewer
 *   than three points or with coordinates that are not finite
 */
export function labelMaps(
  polygons: readonly LabelPolygon[],
  size: { width: number; height: number },
  options: LabelMapsOptions = {},
): LabelMaps {
  const { into, scratch = createFillScratch(), ...rest } = checkOptions(options, labelMapsKinds);
  const resolved = resolveLabelOptions(rest);
  const { width, height } = checkSize('size', size);
  checkLabels('polygons', polygons);
  const length = width * height;
  if (into !== undefined) checkArrays(into, length);
  const maps = into ?? {
    probability: new Float32Array(length),
    probabilityMask: new Float32Array(length),
    threshold: new Float32Array(length),
    thresholdMask: new Float32Array(length),
  };
  maps.probability.fill(0);
  maps.probabilityMask.fill(1);
  maps.threshold.fill(resolved.thresholdMin);
  maps.thresholdMask.fill(0);

  const canvas: Canvas = { maps, width, height, options: resolved, scratch };
  const ignored: IgnoredPolygon[] = [];
  for (const [index, polygon] of polygons.entries()) {
    const reason = drawPolygon(polygon, canvas);
    if (reason !== undefined) ignored.push({ index, reason });
  }
  const { probability, probabilityMask, threshold, thresholdMask } = maps;
  return { probability, probabilityMask, threshold, thresholdMask, width, height, ignored };
}

type Reason = IgnoredPolygon['reason'];

/** Draws a polygon; says why no part of it is text, if so. */
function drawPolygon({ points, ignore = false }: LabelPolygon, canvas: Canvas): Reason | undefined {
  const { width, height, options } = canvas;
  const flat = Float64Array.from(points.flat());
  if (isOutside(flat, width, height)) return ignore ? 'ignore' : 'outside';
  const parts = toParts(flat, width, height, options.clipping);
  if (parts.length === 0) {
    maskOut([options.clipping === 'exact' ? flat : clampPoints(flat, width, height)], canvas);
    return ignore ? 'ignore' : 'area';
  }
  const reasons = parts.map((part) => drawPart(part, ignore, canvas));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

/** Draws one part; says why it is not text, if so. */
function drawPart({ paths, rings }: Part, ignore: boolean, canvas: Canvas): Reason | undefined {
  const { maps, width, height, options, scratch } = canvas;
  const area = Math.abs(sum(rings, signedArea));
  const distance = offsetDistance(area, sum(rings, perimeter), 1 - options.shrinkRatio ** 2);
  let reason: Reason | undefined;
  let shrunk: Float64Array[] = [];
  if (ignore) reason = 'ignore';
  else if (area < MINIMUM_AREA) reason = 'area';
  else if (shortSide(rings[0]) < options.minimumSize) reason = 'size';
  else {
    shrunk = offsetPaths(paths, -distance).map(fromPath);
    if (shrunk.length === 0) reason = 'shrink';
  }
  if (reason !== undefined) {
    maskOut(paths.map(fromPath), canvas);
    return reason;
  }
  fillRings(maps.probability, width, height, shrunk, 1, scratch);
  const dilated = offsetPaths(paths, distance).map(fromPath);
  fillRings(maps.thresholdMask, width, height, dilated, 1, scratch);
  for (const ring of rings) drawThreshold(maps.threshold, width, height, ring, distance, options);
  return undefined;
}

function sum(rings: readonly Float64Array[], measure: (ring: Float64Array) => number): number {
  return rings.reduce((total, ring) => total + measure(ring), 0);
}

function maskOut(rings: readonly Float64Array[], { maps, width, height, scratch }: Canvas): void {
  fillRings(maps.probabilityMask, width, height, rings, 0, scratch);
}

/** Whether a polygon's bounding box misses the pixels' centres. */
function isOutside(points: Float64Array, width: number, height: number): boolean {
  const [left, top, right, bottom] = bounds(points);
  return right < 0 || bottom < 0 || left > width - 1 || top > height - 1;
}

function shortSide(points: Float64Array): number {
  const [left, top, right, bottom] = bounds(points);
  return Math.min(right - left, bottom - top);
}

function bounds(points: Float64Array): [left: number, top: number, right: number, bottom: number] {
  let [left, top, right, bottom] = [points[0], points[1], points[0], points[1]];
  for (let i = 2; i < points.length; i += 2) {
    left = Math.min(left, points[i]);
    right = Math.max(right, points[i]);
    top = Math.min(top, points[i + 1]);
    bottom = Math.max(bottom, points[i + 1]);
  }
  return [left, top, right, bottom];
}
