/** @file Opens the detector for a command: progress of the weights, one line on what computes, and what is wrong with it. */

import { runsOn } from '../src/adapter-name.ts';
import type { CreateOptions, DetectorInfo } from '../src/detect/types.ts';
import { DBNetError } from '../src/errors.ts';
import type { ProgressView } from './progress.ts';
import type { Detector, Services } from './services.ts';

/**
 * Opens the detector and says on which adapter it runs.
 *
 * @param needsThreshold The option that asks for T or B, if one does; then the weights must have that head.
 * @throws DBNetError `missing-threshold-head` before any image is computed, and what `create()` throws.
 */
export async function openDetector(
  options: Pick<CreateOptions, 'weights' | 'input' | 'precision' | 'tune'>,
  { createDetector, signal }: Services,
  view: ProgressView,
  needsThreshold?: string,
): Promise<Detector> {
  view.start('loading');
  let detector: Detector;
  try {
    detector = await createDetector({ ...options, onProgress: view.report, signal });
  } finally {
    view.clear();
  }
  if (needsThreshold !== undefined && !detector.info.weights.hasThresholdHead) {
    detector.dispose();
    throw new DBNetError(
      'missing-threshold-head',
      `${needsThreshold} needs the threshold map, but these weights give the probability map alone: ` +
        'use weights with both heads, or leave the option out.',
    );
  }
  view.note(adapterLine(detector.info));
  for (const { message } of detector.info.warnings) view.warn(`warning: ${message}`);
  return detector;
}

/** What computes, honestly: a software adapter is the CPU. */
export const adapterLine = (on: Pick<DetectorInfo, 'adapter' | 'software'>): string =>
  `${on.software ? 'No GPU found. ' : ''}Runs on ${runsOn(on)}.`;
