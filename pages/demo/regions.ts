/** @file From kept maps to regions, without the network. */

import type { Maps } from 'dbnet-webgpu';
import { createRegionScratch, findRegions, type RegionResult } from 'dbnet-webgpu/postprocess';
import { type Choices, regionOptions, type statedBy } from './choices.ts';

const scratch = createRegionScratch();

/** The regions of text, in pixels of the picture. @throws DBNetError as `findRegions()`. */
export function regionsOf(
  maps: Maps,
  target: { width: number; height: number },
  choices: Choices,
  stated: ReturnType<typeof statedBy>,
): RegionResult {
  const { P, B, width, height, content } = maps;
  const options = regionOptions(choices, stated);
  const mask =
    choices.binarize === 'B' && B
      ? Uint8Array.from(B, (value) => Number(value > options.threshold))
      : undefined;
  return findRegions({ data: P, width, height, content, mask }, { ...options, target }, scratch);
}
