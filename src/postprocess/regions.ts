/**
 * @file From a probability map to regions of text: section 'Inference' of the paper, the authors'
 * `SegDetectorRepresenter`, with three differences: candidates are chosen by area, offsets are not cut to whole
 * numbers, and a polygon that splits keeps its largest part.
 */

import { anything, check, checkOptions, checkSize, finite, type Kinds } from '../check.ts';
import { boxAround } from '../geometry/polygon.ts';
import { isTypedArray } from '../kind-of.ts';
import { contentOf, type Size } from '../size.ts';
import { frameBits, frameMask, frameThreshold } from './binarize.ts';
import { type Candidate, findCandidates } from './candidates.ts';
import type { ContourScratch } from './contours.ts';
import { minAreaRect, type RotatedRect } from './min-area-rect.ts';
import { regionKinds, resolveRegionOptions } from './options.ts';
import { createRegionScratch, type RegionScratch, regionScratch } from './region-scratch.ts';
import { sumSpans } from './score.ts';
import { simplifyOutline } from './simplify.ts';
import type {
  FindRegionsOptions,
  Point,
  ProbabilityMap,
  Region,
  RegionOptions,
  RegionResult,
} from './types.ts';
import { unclip, unclipRect } from './unclip.ts';
import { checkMap } from './validate.ts';

const findKinds: Kinds<FindRegionsOptions> = { ...regionKinds, target: anything };

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
  const { target, ...rest } = checkOptions(options, findKinds);
  const resolved = resolveRegionOptions(rest);
  checkMap(map);
  check('scratch', scratch, regionScratch);
  const content = contentOf(map);
  const placed = target === undefined ? content : checkTarget(target);

  frame(map, resolved.threshold, scratch.contours);
  const found = findCandidates(map, resolved, scratch);
  const outlines = finishOutlines(found.candidates, sumSpans(map.data, scratch.score.groups), resolved);
  const regions = outlines.map(({ points, score }): Region => {
    placePoints(points, content, placed);
    const outline =
      resolved.shape === 'polygon' ? fromTopLeft(simplifyOutline(points, resolved.simplify)) : points;
    return { points: outline, box: boxAround(outline), score };
  });
  return { regions, truncated: found.truncated };
}

/** Puts the mask of the map into the label image. */
function frame(map: ProbabilityMap, threshold: number, image: ContourScratch): void {
  const { data, mask } = map;
  if (mask === undefined) frameThreshold(data, threshold, map, image);
  else if (isTypedArray(mask, 'Uint32Array')) frameBits(mask, map, image);
  else frameMask(mask, map, image);
}

/**
 * The outlines and scores of the regions that candidates become, in pixels of the map.
 *
 * @param sums - for each candidate the sum of P over its pixels
 */
function finishOutlines(
  candidates: readonly Candidate[],
  sums: ArrayLike<number>,
  options: RegionOptions,
): Omit<Region, 'box'>[] {
  const outlines: Omit<Region, 'box'>[] = [];
  candidates.forEach(({ outline, pixels }, i) => {
    const score = pixels > 0 ? sums[i] / pixels : 0;
    if (score < options.boxThreshold) return;
    const points =
      outline instanceof Int32Array ? polygonRegion(outline, options) : quadRegion(outline, options);
    if (points !== undefined) outlines.push({ points, score });
  });
  return outlines;
}

/** A rectangle, offset; undefined if it is too small. */
function quadRegion(rect: RotatedRect, options: RegionOptions): Point[] | undefined {
  const grown = unclipRect(rect, options.unclipRatio);
  return shortSide(grown) < options.minSize + 2 ? undefined : grown.corners;
}

/** A polygon, offset; undefined if it is too small. */
function polygonRegion(polygon: Int32Array, options: RegionOptions): Point[] | undefined {
  const offset = unclip(polygon, options.unclipRatio);
  if (offset.length === 0 || shortSide(minAreaRect(offset)) < options.minSize + 2) return undefined;
  return Array.from({ length: offset.length / 2 }, (_, i) => [offset[2 * i], offset[2 * i + 1]]);
}

function shortSide(rect: RotatedRect): number {
  return Math.min(rect.width, rect.height);
}

/** @throws DBNetError `invalid-argument` */
function checkTarget(target: NonNullable<FindRegionsOptions['target']>): Place {
  const size = checkSize('Option target', target);
  const { x = 0, y = 0 } = target;
  return { ...size, x: check('Option target.x', x, finite), y: check('Option target.y', y, finite) };
}

/** A size, and where it is. */
type Place = Size & { x?: number; y?: number };

/** An outline from its point of the smallest x + y on, so that one of four points begins where a quad does. */
function fromTopLeft(outline: readonly Point[]): Point[] {
  const sums = outline.map(([x, y]) => x + y);
  const first = sums.indexOf(Math.min(...sums));
  return [...outline.slice(first), ...outline.slice(0, first)];
}

/** Scales points in place from one size to another, clips them to it, and moves them to where it is. */
function placePoints(points: Region['points'], from: Size, { x = 0, y = 0, width, height }: Place): void {
  const scaleX = width / from.width;
  const scaleY = height / from.height;
  for (const point of points) {
    point[0] = x + Math.min(Math.max(point[0] * scaleX, 0), width);
    point[1] = y + Math.min(Math.max(point[1] * scaleY, 0), height);
  }
}
