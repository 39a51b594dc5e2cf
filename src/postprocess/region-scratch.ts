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

/** An empty scratch; it grows to what the maps need. */
export function createRegionScratch(): RegionScratch {
  return regionScratch.mark({ contours: createContourScratch(), score: createScoreScratch() });
}
