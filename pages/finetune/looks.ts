/** @file Looks at photos with given weights, as whoever uses the weights later will. */

import { TextDetector } from 'dbnet-webgpu';
import type { TrainerOptions } from 'dbnet-webgpu/train';
import type { Photo, ProbabilityMap } from './model.ts';

type Weights = NonNullable<TrainerOptions['weights']>;

/** The longest side as long as a crop's. */
const bySide = (side: number) => ({ shortSide: side, maxLongSide: side });

/**
 * Finds the regions of photos, one after the other.
 * @param side longest side of what the network sees, pixels
 * @param onProgress from 0 to 1
 */
export async function findText(
  weights: Weights,
  side: number,
  photos: readonly Photo[],
  options: {
    signal: AbortSignal;
    onProgress: (share: number) => void;
    onFound: (photo: Photo, regions: NonNullable<Photo['before']>) => void;
  },
): Promise<void> {
  const { signal, onProgress, onFound } = options;
  const detector = await TextDetector.create({ weights, signal });
  try {
    for (const [i, photo] of photos.entries()) {
      const { regions } = await detector.detect(photo.image, {
        size: bySide(side),
        signal,
        onProgress: ({ stage, done, total }) => {
          if (stage === 'network') onProgress((i + done / total) / photos.length);
        },
      });
      onFound(
        photo,
        regions.map(({ points }) => points),
      );
    }
  } finally {
    detector.dispose();
  }
}

/** The probability map of a whole photo. */
export async function lookAtMap(
  weights: Weights,
  side: number,
  photo: Photo,
  signal: AbortSignal,
): Promise<Omit<ProbabilityMap, 'step'>> {
  const detector = await TextDetector.create({ weights, signal });
  try {
    return await detector.maps(photo.image, { size: bySide(side), signal });
  } finally {
    detector.dispose();
  }
}
