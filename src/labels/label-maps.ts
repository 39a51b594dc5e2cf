/**
 * @file From labelled polygons to the maps that DBNet is trained on: paper, section "Label generation";
 * `MakeSegDetectionData` and `MakeBorderMap` of the authors' code.
 */

import { checkOptions } from '../check.ts';
import { createFillScratch, type FillScratch } from '../geometry/fill-poly.ts';
import { MIN_AREA } from '../geometry/limits.ts';
import { fromPath, offsetDistance, offsetPaths } from '../geometry/offset.ts';
import { perimeter, signedArea } from '../geometry/polygon.ts';
import { drawThreshold } from './draw-threshold.ts';
import { fillRings } from './fill.ts';
import { checkArrays, checkMapSize, checkPolygons, labelMapsKinds, resolveLabelOptions } from './options.ts';
import { clampPoints, type Part, toParts } from './parts.ts';
import type {
  IgnoredPolygon,
  LabelArrays,
  LabelMapOptions,
  LabelMaps,
  LabelMapsOptions,
  LabelPolygon,
} from './types.ts';

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
  const { width, height } = checkMapSize(size);
  checkPolygons(polygons);
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
    const judged = judgePolygon(polygon, size, resolved);
    for (const part of judged.parts) drawPart(part, canvas);
    if (judged.reason !== undefined) ignored.push({ index, reason: judged.reason });
  }
  const { probability, probabilityMask, threshold, thresholdMask } = maps;
  return { probability, probabilityMask, threshold, thresholdMask, width, height, ignored };
}

/**
 * The polygons of which `labelMaps` makes no text, without drawing them.
 *
 * @throws DBNetError as `labelMaps`
 */
export function ignoredPolygons(
  polygons: readonly LabelPolygon[],
  size: { width: number; height: number },
  options: Partial<LabelMapOptions> = {},
): IgnoredPolygon[] {
  const resolved = resolveLabelOptions(options);
  checkMapSize(size);
  checkPolygons(polygons);
  return polygons.flatMap((polygon, index) => {
    const { reason } = judgePolygon(polygon, size, resolved);
    return reason === undefined ? [] : [{ index, reason }];
  });
}

type Reason = IgnoredPolygon['reason'];

/** A part of a polygon that is put out of the probability mask, or that is text. */
type JudgedPart =
  | { reason: Reason; outline: readonly Float64Array[] }
  | { reason?: undefined; part: Part; shrunk: readonly Float64Array[]; distance: number };

/** The parts of a polygon, and why none of them is text, if so. */
function judgePolygon(
  { points, ignore = false }: LabelPolygon,
  { width, height }: { width: number; height: number },
  options: LabelMapOptions,
): { parts: JudgedPart[]; reason: Reason | undefined } {
  const flat = Float64Array.from(points.flat());
  if (isOutside(flat, width, height)) return { parts: [], reason: ignore ? 'ignore' : 'outside' };
  const parts = toParts(flat, width, height, options.clipping);
  if (parts.length === 0) {
    const line = options.clipping === 'exact' ? flat : clampPoints(flat, width, height);
    const reason = ignore ? 'ignore' : 'area';
    return { parts: [{ reason, outline: [line] }], reason };
  }
  const judged = parts.map((part) => judgePart(part, ignore, options));
  const isText = judged.some(({ reason }) => reason === undefined);
  return { parts: judged, reason: isText ? undefined : judged[0].reason };
}

function judgePart(part: Part, ignore: boolean, options: LabelMapOptions): JudgedPart {
  const { paths, rings } = part;
  const area = Math.abs(sum(rings, signedArea));
  const distance = offsetDistance(area, sum(rings, perimeter), 1 - options.shrinkRatio ** 2);
  const without = (reason: Reason): JudgedPart => ({ reason, outline: paths.map(fromPath) });
  if (ignore) return without('ignore');
  if (area < MIN_AREA) return without('area');
  if (shortSide(rings[0]) < options.minimumSize) return without('size');
  const shrunk = offsetPaths(paths, -distance).map(fromPath);
  return shrunk.length === 0 ? without('shrink') : { part, shrunk, distance };
}

function drawPart(judged: JudgedPart, { maps, width, height, options, scratch }: Canvas): void {
  if (judged.reason !== undefined) {
    fillRings(maps.probabilityMask, width, height, judged.outline, 0, scratch);
    return;
  }
  const { part, shrunk, distance } = judged;
  fillRings(maps.probability, width, height, shrunk, 1, scratch);
  const dilated = offsetPaths(part.paths, distance).map(fromPath);
  fillRings(maps.thresholdMask, width, height, dilated, 1, scratch);
  for (const ring of part.rings) drawThreshold(maps.threshold, width, height, ring, distance, options);
}

function sum(rings: readonly Float64Array[], measure: (ring: Float64Array) => number): number {
  return rings.reduce((total, ring) => total + measure(ring), 0);
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
