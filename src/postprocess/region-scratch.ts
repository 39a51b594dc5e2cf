/** @file The memory of post-processing, used again from map to map. */

import { scratchKind } from '../check.ts';
import { type ContourScratch, createContourScratch } from './contours.ts';
import { createScoreScratch, type ScoreScratch } from './score.ts';

/** Memory that calls of `findRegions` may share, one after the other. */
export interface RegionScratch {
  contours: ContourScratch;
  score: ScoreScratch;
}

export const regionScratch = scratchKind<RegionScratch>('createRegionScratch');

/**
 * An empty scratch; it grows to what the maps need.
 *
 * @example
 * import { createRegionScratch, findRegions } from 'dbnet-webgpu/postprocess';
 *
 * const scratch = createRegionScratch();
 * const map = { data: new Float32Array(640 * 480), width: 640, height: 480 };
 * const { regions } = findRegions(map, {}, scratch);
 */
export function createRegionScratch(): RegionScratch {
  return regionScratch.mark({ contours: createContourScratch(), score: createScoreScratch() });
}
