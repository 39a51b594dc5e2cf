/** @file A photo and its labels turned into a training crop: mirrored, turned, cropped between texts, brought to size. */

import { describe, invalid } from '../../describe.ts';
import { flatten } from '../../detector/background.ts';
import { DBNetError } from '../../errors.ts';
import { isTypedArray } from '../../kind-of.ts';
import type { Point } from '../../postprocess/types.ts';
import { type Affine, compose, mapPoint, mirror, rotation, scaleAndShift } from './affine.ts';
import { type AugmentOptions, withDefaults } from './augment-options.ts';
import { clipPolygon } from './clip-polygon.ts';
import { type Area, chooseCrop } from './crop-area.ts';
import type { Random } from './random.ts';
import { type Picture, resample } from './resample.ts';

/** A labelled text. */
export interface TextPolygon {
  /**
   * At least three corners, pixels; (0, 0) is the picture's corner. Coordinates are scaled without a shift by half a
   * pixel, as the authors do, and as the detector scales its regions back.
   */
  points: Point[];
  /** Don't care: crops may cut it. */
  ignore?: boolean;
}

/** A training crop. */
export interface Augmented<Polygon extends TextPolygon> {
  /** RGBA, `height * width * 4` bytes, alpha 255. */
  data: Uint8Array;
  width: number;
  height: number;
  channels: 4;
  /**
   * In pixels of the crop, with whatever else the given ones carry; cut to what is shown of the picture, and left out
   * where nothing is. Corners keep their sense of rotation: those of a mirrored polygon are listed backwards.
   */
  polygons: Polygon[];
  /** From pixels of the picture to those of the crop. */
  map: Affine;
}

/**
 * The augmentation of the paper ("Experiments": random rotation within (-10, 10) degrees, random cropping, random
 * flipping, 640 x 640) with the numbers of the authors' code: mirror with probability 0.5, turn about the centre
 * without growing the picture, scale by 0.5 to 3, crop so that no text is cut where that is possible, bring the crop
 * to size with its proportions kept, pad at the right and below.
 *
 * Differences from the authors' code:
 * - The steps are one affine map and one bilinear sampling, with averages where the picture shrinks; the authors
 *   interpolate three times and do not average.
 * - Their crop is a share of the scaled picture and is then brought to size, so the scale cancels out and all that is
 *   left of it is detail lost below 1. So it is here: pixels are averaged over squares of side 1 / scale. The size of
 *   text varies by the size of crops. Without cropping, the scale does scale.
 * - Polygons are cut to the part of the crop that shows the picture; theirs reach into the padding.
 * - How crops are drawn: see `chooseCrop`.
 *
 * @param random a stream for this picture alone, such as `new Random(seed, step, index)`; not used with `augment: false`
 * @throws DBNetError `invalid-image` for pixels that do not fit their size; `invalid-argument` for polygons and options
 */
export function augment<Polygon extends TextPolygon>(
  picture: Picture,
  polygons: readonly Polygon[],
  random: Random,
  options: AugmentOptions = {},
): Augmented<Polygon> {
  checkPicture(picture);
  checkPolygons(polygons);
  const settings = withDefaults(options);
  const { width, height } = picture;
  const { cropSize } = settings;

  let map: Affine = [1, 0, 0, 0, 1, 0];
  let scale = 1;
  let area: Area = { x: 0, y: 0, width, height };
  let mirrored = false;
  let place: Point = [0, 0];
  if (settings.augment) {
    mirrored = random.chance(settings.flip);
    if (mirrored) map = compose(map, mirror(width));
    if (settings.rotate) {
      map = compose(map, rotation(random.uniform(...settings.rotate), [width / 2, height / 2]));
    }
    if (settings.scale) scale = random.uniform(...settings.scale);
    if (settings.crop) {
      const texts = polygons.filter(({ ignore }) => !ignore).map(({ points }) => mapAll(map, points));
      const rule = { minSide: settings.minCropSide, tries: settings.cropTries };
      area = chooseCrop(width, height, texts, random, rule);
    } else {
      place = [random.uniform(), random.uniform()];
    }
  }

  let factor = cropSize / Math.max(area.width, area.height);
  let shown: Shown;
  if (settings.crop || !settings.augment) {
    map = compose(map, scaleAndShift(factor, -factor * area.x, -factor * area.y));
    const side = (length: number) => Math.max(1, Math.round(factor * length));
    shown = { width: side(area.width), height: side(area.height) };
  } else {
    factor *= scale;
    scale = 1;
    const [x, y] = [place[0] * (cropSize - factor * width), place[1] * (cropSize - factor * height)];
    map = compose(map, scaleAndShift(factor, x, y));
    shown = { width: cropSize, height: cropSize };
  }
  const footprint = Math.max(1 / factor, 1 / scale);
  const opaque = flatten(picture, settings.background);
  const data = resample(opaque, map, { size: cropSize, footprint, fill: settings.fill, shown });
  const kept = polygons.flatMap((polygon) => {
    const points = mapAll(map, polygon.points);
    if (mirrored) points.reverse();
    const visible = clipPolygon(points, shown.width, shown.height);
    return visible ? [{ ...polygon, points: visible }] : [];
  });
  return { data, width: cropSize, height: cropSize, channels: 4, polygons: kept, map };
}

/** The part of the result that shows the crop. */
type Shown = { width: number; height: number };

const mapAll = (map: Affine, points: readonly Point[]): Point[] =>
  points.map((point) => mapPoint(map, point));

function checkPicture({ data, width, height, channels }: Picture): void {
  const expected = width * height * channels;
  const sides = Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1;
  if (!sides || (channels !== 3 && channels !== 4)) {
    throw new DBNetError(
      'invalid-image',
      `expected a picture of whole sides above 0 with 3 or 4 channels, found ${width}x${height} with ${channels}`,
    );
  }
  const bytes = isTypedArray(data, 'Uint8Array', 'Uint8ClampedArray');
  if (bytes && data.length === expected) return;
  throw new DBNetError(
    'invalid-image',
    `expected ${expected} bytes for ${width}x${height} pixels with ${channels} channels, found ` +
      (bytes ? `${data.length}` : describe(data)),
  );
}

function checkPolygons(polygons: readonly TextPolygon[]): void {
  for (const [i, { points }] of polygons.entries()) {
    if (points.length < 3) {
      throw invalid(`polygons[${i}].points`, 'at least three corners', points.length);
    }
    const bad = points.find((point) => !point.every(Number.isFinite));
    if (bad) throw invalid(`polygons[${i}].points`, 'finite coordinates', `(${bad.join(', ')})`);
  }
}
