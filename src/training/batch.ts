/** @file From samples to what a step uploads: crops as bytes, label maps as targets. */

import { array, check, mismatch, object } from '../check.ts';
import { DBNetError } from '../errors.ts';
import { checkLabels } from '../geometry/points.ts';
import { labelMaps } from '../labels/label-maps.ts';
import type { LabelMapsOptions, LabelPolygon } from '../labels/types.ts';
import { augment, type TextPolygon } from './augmentation/augment.ts';
import type { AugmentOptions } from './augmentation/augment-options.ts';
import { Random } from './augmentation/random.ts';
import { readPixels } from './read-pixels.ts';
import type { TrainingSample } from './types.ts';

export interface Batch {
  count: number;
  /** RGBA `[count, cropSize, cropSize]`. */
  pixels: Uint8Array<ArrayBuffer>;
  /** `[4, count, cropSize, cropSize]`: probability, its mask, threshold, its mask. */
  targets: Float32Array<ArrayBuffer>;
}

export interface BatchOptions {
  cropSize: number;
  seed: number;
  /** Counts from 0; together with the seed it decides what is drawn. */
  step: number;
  augment: Omit<AugmentOptions, 'cropSize'>;
  labels: Omit<LabelMapsOptions, 'into' | 'scratch'>;
}

/**
 * Cuts a crop out of every sample and draws its label maps.
 * @throws DBNetError `invalid-argument` for no samples, labels that are none, and a batch in which no sample has text;
 *   `invalid-image`.
 */
export async function makeBatch(samples: readonly TrainingSample[], options: BatchOptions): Promise<Batch> {
  const count = check('samples', samples, array).length;
  if (count === 0) throw mismatch('samples', 'at least one { image, polygons }', 'none');
  for (const [i, sample] of samples.entries()) {
    check<object>(`samples[${i}]`, sample, object);
    checkLabels(`samples[${i}].polygons`, sample.polygons);
  }
  const { cropSize, seed, step } = options;
  const area = cropSize * cropSize;
  const pixels = new Uint8Array(count * area * 4);
  const targets = batchTargets(count, cropSize, cropSize);
  const pictures = await Promise.all(samples.map(({ image }) => readPixels(image)));
  pictures.forEach((picture, index) => {
    checkInside(samples[index].polygons, index, picture);
  });
  const isText = ({ ignore }: TextPolygon) => !ignore;
  if (!samples.some((sample) => sample.polygons.some(isText))) {
    throw new DBNetError(
      'invalid-labels',
      `none of the ${count} samples of this batch has a text that is not to be ignored, so there is nothing to learn ` +
        'from: batches may hold images without text, but need one with',
    );
  }
  for (const [index, picture] of pictures.entries()) {
    const crop = augment(picture, samples[index].polygons, new Random(seed, step, index), {
      ...options.augment,
      cropSize,
    });
    pixels.set(crop.data, index * area * 4);
    targets.draw(index, crop.polygons, options.labels);
  }
  return { count, pixels, targets: targets.data };
}

/** The targets of a batch, all four maps `[count, height, width]` one after the other, and how they are drawn. */
export function batchTargets(count: number, width: number, height: number) {
  const area = width * height;
  const data = new Float32Array(4 * count * area);
  return {
    data,
    draw(index: number, polygons: readonly LabelPolygon[], options: BatchOptions['labels'] = {}): void {
      const map = (plane: number) =>
        data.subarray((plane * count + index) * area, (plane * count + index + 1) * area);
      const into = {
        probability: map(0),
        probabilityMask: map(1),
        threshold: map(2),
        thresholdMask: map(3),
      };
      labelMaps(polygons, { width, height }, { ...options, into });
    },
  };
}

/** @throws DBNetError `invalid-labels`. */
function checkInside(
  polygons: readonly TextPolygon[],
  index: number,
  { width, height }: { width: number; height: number },
): void {
  const outside = polygons.findIndex(
    ({ points }) =>
      points.every(([x]) => x <= 0 || x >= width) || points.every(([, y]) => y <= 0 || y >= height),
  );
  if (outside !== -1) {
    throw new DBNetError(
      'invalid-labels',
      `samples[${index}].polygons[${outside}]: expected a polygon in the image of ${width}x${height} pixels, found one ` +
        `with the corner (${polygons[outside].points[0].join(', ')}), all outside: are its labels those of another size?`,
    );
  }
}
