/** @file Looks at photos with given weights, as whoever uses the weights later will. */

import { type DetectOptions, TextDetector } from 'dbnet-webgpu';
import type { TrainerOptions } from 'dbnet-webgpu/train';
import type { Photo, ProbabilityMap } from './model.ts';

type Weights = NonNullable<TrainerOptions['weights']>;

/** What the network sees of a photo: scaled to a longest side, pixels; or at the size that finds most text. */
export type View = number | 'best';

/** Pixels. Where shaders run on the CPU, a larger picture is not worth the wait. */
const softwareShortSide = 736;

/** The longest side as long as a crop's. */
const bySide = (side: number) => ({ shortSide: side, maxLongSide: side });

/** `best` is the size that the weights state, as for whoever uses them. */
function sizeOf(view: View, software: boolean): DetectOptions['size'] {
  if (view !== 'best') return bySide(view);
  return software ? { shortSide: softwareShortSide } : undefined;
}

/**
 * Finds the regions of photos, one after the other.
 * @param onProgress from 0 to 1
 */
export async function findText(
  weights: Weights,
  view: View,
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
        size: sizeOf(view, detector.info.software),
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
