/**
 * @file `dbnet-webgpu/postprocess`: from probability maps to regions of text, without a GPU and without the
 * rest of the package. `findRegions` is the whole way; its pieces are exported for other uses.
 */

export { DBNetError, type DBNetErrorCode } from '../errors.ts';
export { perimeter, signedArea } from '../geometry/polygon.ts';
export { type ContourScratch, type Contours, createContourScratch, findContours } from './contours.ts';
export {
  convexHull,
  type FlatPoints,
  growRect,
  minAreaRect,
  orderQuad,
  type RotatedRect,
} from './min-area-rect.ts';
export { regionDefaults, resolveRegionOptions } from './options.ts';
export { createRegionScratch, type RegionScratch } from './region-scratch.ts';
export { findRegions } from './regions.ts';
export { createScoreScratch, polygonScore, type ScoreMap, type ScoreScratch } from './score.ts';
export { simplifyClosed } from './simplify.ts';
export type {
  Box,
  FindRegionsOptions,
  Point,
  ProbabilityMap,
  Region,
  RegionOptions,
  RegionResult,
} from './types.ts';
export { unclip, unclipRect } from './unclip.ts';
