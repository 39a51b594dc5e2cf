/** @file From samples to what a step uploads: crops as bytes, label maps as targets. */

import { array, check, mismatch, object } from '../check.ts';
import { DBNetError } from '../errors.ts';
import { checkLabels } from '../geometry/points.ts';
import { isOutside } from '../geometry/polygon.ts';
import { labelMaps } from '../labels/label-maps.ts';
import type { IgnoredPolygon, LabelPolygon } from '../labels/types.ts';
import { drawView, type TextPolygon } from './augmentation/augment.ts';
import { Random } from './augmentation/random.ts';
import { resample } from './augmentation/resample.ts';
import { type CropOptions, isText, LabelFates } from './label-fates.ts';
import { readPixels } from './read-pixels.ts';
import type { TrainingSample } from './types.ts';

export interface Batch {
  count: number;
  /** RGBA `[count, cropSize, cropSize]`. */
  pixels: Uint8Array<ArrayBuffer>;
  /** `[4, count, cropSize, cropSize]`: probability, its mask, threshold, its mask. */
  targets: Float32Array<ArrayBuffer>;
}

export interface BatchOptions extends CropOptions {
  /** Counts from 0; together with the seed it decides what is drawn. */
  step: number;
}

/** Draws of a batch's crops before it is given up: as many as `chooseCrop` takes. */
const DRAWS = 10;

/**
 * Cuts a crop out of every sample and draws its label maps. Crops in which no pixel is text are drawn again, all of
 * the batch.
 * @throws DBNetError `invalid-argument` for no samples and labels that are none; `invalid-labels` for a label outside
 *   of its image; `nothing-to-learn` where no pixel of the batch is text; `invalid-image`.
 */
export async function makeBatch(samples: readonly TrainingSample[], options: BatchOptions): Promise<Batch> {
  const count = check('samples', samples, array).length;
  if (count === 0) throw mismatch('samples', 'at least one { image, polygons }', 'none');
  for (const [i, sample] of samples.entries()) {
    check<object>(`samples[${i}]`, sample, object);
    checkLabels(`samples[${i}].polygons`, sample.polygons);
  }
  const { cropSize, seed, step, augment } = options;
  const area = cropSize * cropSize;
  const targets = batchTargets(count, cropSize, cropSize);
  const pictures = await Promise.all(samples.map(({ image }) => readPixels(image)));
  pictures.forEach((picture, index) => {
    checkInside(samples[index].polygons, index, picture);
  });
  const texts = samples.flatMap(({ polygons }) => polygons.filter(isText)).length;
  if (texts === 0) {
    throw new DBNetError(
      'nothing-to-learn',
      `none of the ${count} samples of this batch has a text that is not to be ignored: batches may hold images ` +
        'without text, but need one with',
    );
  }
  const draws = augment.augment === false ? 1 : DRAWS;
  let fates = new LabelFates();
  for (let draw = 0; draw < draws; draw++) {
    const views = pictures.map((picture, index) =>
      drawView(picture, samples[index].polygons, randomOf(seed, step, index, draw), { ...augment, cropSize }),
    );
    fates = new LabelFates();
    for (const [index, { polygons }] of views.entries()) {
      const ignored = targets.draw(index, polygons, options.labels);
      fates.add(samples[index].polygons, polygons, ignored);
    }
    if (!targets.hasText()) continue;
    const pixels = new Uint8Array(count * area * 4);
    for (const [index, view] of views.entries()) {
      pixels.set(resample(pictures[index], view.map, view), index * area * 4);
    }
    return { count, pixels, targets: targets.data };
  }
  const inDraws = draws === 1 ? '' : ` in ${draws} draws of their crops`;
  throw new DBNetError(
    'nothing-to-learn',
    `the samples of this batch have ${texts} ${texts === 1 ? 'text' : 'texts'}, of which no pixel is left to learn ` +
      `from at cropSize ${cropSize}${inDraws} (${draws === 1 ? '' : 'in the last '}${fates.reasons(options.labels.minimumSize)}): take a larger ` +
      'cropSize, or samples with larger text',
  );
}

/** The targets of a batch, all four maps `[count, height, width]` one after the other, and how they are drawn. */
export function batchTargets(count: number, width: number, height: number) {
  const area = width * height;
  const data = new Float32Array(4 * count * area);
  const plane = (map: number) => data.subarray(map * count * area, (map + 1) * count * area);
  return {
    data,
    /** Draws the maps of a sample over what was there. @returns the polygons of which no part is text. */
    draw(
      index: number,
      polygons: readonly LabelPolygon[],
      options: BatchOptions['labels'] = {},
    ): IgnoredPolygon[] {
      const map = (number: number) => plane(number).subarray(index * area, (index + 1) * area);
      const into = {
        probability: map(0),
        probabilityMask: map(1),
        threshold: map(2),
        thresholdMask: map(3),
      };
      return labelMaps(polygons, { width, height }, { ...options, into }).ignored;
    },
    /** Whether any pixel counts as text in the loss. */
    hasText(): boolean {
      const mask = plane(1);
      return plane(0).some((probability, i) => probability > 0 && mask[i] > 0);
    },
  };
}

/** The stream of a sample's crop; its first draw is as it was when there was but one. */
function randomOf(seed: number, step: number, index: number, draw: number): Random {
  return draw === 0 ? new Random(seed, step, index) : new Random(seed, step, index, draw);
}

/** @throws DBNetError `invalid-labels`. */
function checkInside(
  polygons: readonly TextPolygon[],
  index: number,
  picture: { width: number; height: number },
): void {
  const outside = polygons.findIndex(({ points }) => isOutside(points, picture));
  if (outside !== -1) {
    const { width, height } = picture;
    throw new DBNetError(
      'invalid-labels',
      `samples[${index}].polygons[${outside}]: expected a polygon in the image of ${width}x${height} pixels, found one ` +
        `with the corner (${polygons[outside].points[0].join(', ')}), all outside: are its labels those of another size?`,
    );
  }
}
