/**
 * @file From contours to candidates: the outlines that may be regions, with the pixels whose mean is their score: all
 * that can be known from the mask alone.
 */

import { perimeter } from '../geometry/polygon.ts';
import { contentOf, type PaddedSize } from '../size.ts';
import { type Contours, traceContours } from './contours.ts';
import { addFilledPolygon } from './fill.ts';
import { minAreaRect, type RotatedRect } from './min-area-rect.ts';
import type { RegionScratch } from './region-scratch.ts';
import { simplifyClosed } from './simplify.ts';
import type { RegionOptions } from './types.ts';

/** Tolerance of the simplification of polygons, as a part of their perimeter. */
const SIMPLIFY = 0.002;

/** An outline in pixels of the map, not offset yet. */
export interface Candidate {
  /** A rectangle for quads, x0, y0, x1, y1, ... for polygons. */
  outline: RotatedRect | Int32Array;
  /** Pixels of the map that its score is the mean of. */
  pixels: number;
}

export interface Candidates {
  candidates: Candidate[];
  /** Whether contours were left out because there were more than `maxCandidates`. */
  truncated: boolean;
}

/**
 * The candidates in the mask that stands in `scratch.contours` (see `binarize.ts`), in the order of its contours.
 * The pixels of candidate `i` are group `i` of `scratch.score.groups` from then on, until the scratch is used again.
 */
export function findCandidates(map: PaddedSize, options: RegionOptions, scratch: RegionScratch): Candidates {
  const { width, height } = contentOf(map);
  const contours = traceContours(width, height, scratch.contours);
  const candidates: Candidate[] = [];
  const { score } = scratch;
  score.groups.groups = 0;
  for (const i of chooseContours(contours, options.maxCandidates)) {
    const contour = contours.points.subarray(2 * contours.starts[i], 2 * contours.starts[i + 1]);
    const outline = options.shape === 'quad' ? quadOf(contour, options) : polygonOf(contour);
    if (outline === undefined) continue;
    const filled = options.score === 'slow' ? contour : pointsOf(outline);
    candidates.push({ outline, pixels: addFilledPolygon(filled, map, score.groups, score) });
  }
  return { candidates, truncated: contours.count > options.maxCandidates };
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

/** A contour's rectangle; undefined if it is too small. */
function quadOf(contour: Int32Array, { minSize }: RegionOptions): RotatedRect | undefined {
  const rect = minAreaRect(contour);
  return Math.min(rect.width, rect.height) < minSize ? undefined : rect;
}

/** A contour, simplified; undefined if fewer than four points are left. */
function polygonOf(contour: Int32Array): Int32Array | undefined {
  const polygon = simplifyClosed(contour, SIMPLIFY * perimeter(contour));
  return polygon.length < 2 * 4 ? undefined : polygon;
}

const pointsOf = (outline: Candidate['outline']): Int32Array | Float64Array =>
  outline instanceof Int32Array ? outline : Float64Array.from(outline.corners.flat());
