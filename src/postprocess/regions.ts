/**
 * @file From a probability map to regions of text: section 'Inference' of the paper, the authors'
 * `SegDetectorRepresenter`, with three differences: candidates are chosen by area, offsets are not cut to whole
 * numbers, and a polygon that splits keeps its largest part.
 */

import { perimeter } from '../geometry/polygon.ts';
import { frameBits, frameMask, frameThreshold } from './binarize.ts';
import { type ContourScratch, type Contours, traceContours } from './contours.ts';
import { minAreaRect, type RotatedRect } from './min-area-rect.ts';
import { resolveRegionOptions } from './options.ts';
import { createRegionScratch, type RegionScratch } from './region-scratch.ts';
import { polygonScore, type ScoreScratch } from './score.ts';
import { simplifyClosed } from './simplify.ts';
import type { FindRegionsOptions, ProbabilityMap, Region, RegionOptions, RegionResult } from './types.ts';
import { unclip, unclipRect } from './unclip.ts';
import { checkMap, checkObject, checkSide } from './validate.ts';

/** Tolerance of the simplification of polygons, as a part of their perimeter. */
const SIMPLIFY = 0.002;

/**
 * The regions of text in a probability map, in the order in which a scan of the mask, row by row, meets their
 * contours. If there are more contours than `maxCandidates`, only the largest by area are looked at.
 *
 * @example
 * const { regions } = findRegions({ data: P, width: 1280, height: 736 }, { target: { width: 1920, height: 1080 } });
 *
 * @param options - see `RegionOptions` and `FindRegionsOptions`; what is left out has the value of `regionDefaults`
 * @param scratch - spares allocations when many maps are processed
 * @throws DBNetError `invalid-argument` for a wrong option, a map whose lengths do not fit its size, and values
 *   of P that are not finite
 */
export function findRegions(
  map: ProbabilityMap,
  options: FindRegionsOptions = {},
  scratch: RegionScratch = createRegionScratch(),
): RegionResult {
  checkObject('Post-processing options', options);
  const { target = map, ...rest } = options;
  const resolved = resolveRegionOptions(rest);
  checkMap(map);
  checkObject('Option target', target);
  checkSide('Option target.width', target.width);
  checkSide('Option target.height', target.height);

  frame(map, resolved.threshold, scratch.contours);
  const contours = traceContours(map.width, map.height, scratch.contours);
  const toRegion = resolved.shape === 'quad' ? quadRegion : polygonRegion;
  const regions: Region[] = [];
  for (const i of chooseContours(contours, resolved.maxCandidates)) {
    const contour = contours.points.subarray(2 * contours.starts[i], 2 * contours.starts[i + 1]);
    const region = toRegion(contour, map, resolved, scratch.score);
    if (region !== undefined) regions.push(region);
  }
  for (const { points } of regions) scalePoints(points, map, target);
  return { regions, truncated: contours.count > resolved.maxCandidates };
}

/** Puts the mask of the map into the label image. */
function frame(map: ProbabilityMap, threshold: number, image: ContourScratch): void {
  const { data, width, height, mask } = map;
  if (mask === undefined) frameThreshold(data, threshold, width, height, image);
  else if (mask instanceof Uint32Array) frameBits(mask, width, height, image);
  else frameMask(mask, width, height, image);
}

/** The `limit` largest contours by area, in the order of the contours; of equal ones the first. */
function chooseContours(contours: Contours, limit: number): number[] {
  const { count, areas } = contours;
  if (count <= limit) return Array.from({ length: count }, (_, i) => i);
  const smallest = areas.slice().sort()[count - limit];
  let larger = 0;
  for (let i = 0; i < count; i++) if (areas[i] > smallest) larger++;
  let equal = limit - larger;
  const chosen: number[] = [];
  for (let i = 0; i < count; i++) {
    if (areas[i] > smallest || (areas[i] === smallest && equal-- > 0)) chosen.push(i);
  }
  return chosen;
}

/** A contour's rectangle, offset; undefined if it is too small or too improbable. */
function quadRegion(
  contour: Int32Array,
  map: ProbabilityMap,
  options: RegionOptions,
  scratch: ScoreScratch,
): Region | undefined {
  const rect = minAreaRect(contour);
  if (shortSide(rect) < options.minSize) return undefined;
  const filled = options.score === 'slow' ? contour : Float64Array.from(rect.corners.flat());
  const score = polygonScore(map, filled, scratch);
  if (score < options.boxThreshold) return undefined;
  const grown = unclipRect(rect, options.unclipRatio);
  return shortSide(grown) < options.minSize + 2 ? undefined : { points: grown.corners, score };
}

/** A contour, simplified and offset; undefined if it is too small or too improbable. */
function polygonRegion(
  contour: Int32Array,
  map: ProbabilityMap,
  options: RegionOptions,
  scratch: ScoreScratch,
): Region | undefined {
  const polygon = simplifyClosed(contour, SIMPLIFY * perimeter(contour));
  if (polygon.length < 2 * 4) return undefined;
  const score = polygonScore(map, options.score === 'slow' ? contour : polygon, scratch);
  if (score < options.boxThreshold) return undefined;
  const offset = unclip(polygon, options.unclipRatio);
  if (offset.length === 0 || shortSide(minAreaRect(offset)) < options.minSize + 2) return undefined;
  const points = Array.from({ length: offset.length / 2 }, (_, i): Region['points'][number] => [
    offset[2 * i],
    offset[2 * i + 1],
  ]);
  return { points, score };
}

function shortSide(rect: RotatedRect): number {
  return Math.min(rect.width, rect.height);
}

interface Size {
  width: number;
  height: number;
}

/** Scales points in place from one size to another and clips them to it. */
function scalePoints(points: Region['points'], from: Size, to: Size): void {
  const scaleX = to.width / from.width;
  const scaleY = to.height / from.height;
  for (const point of points) {
    point[0] = Math.min(Math.max(point[0] * scaleX, 0), to.width);
    point[1] = Math.min(Math.max(point[1] * scaleY, 0), to.height);
  }
}
