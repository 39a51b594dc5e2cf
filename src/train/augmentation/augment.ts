/** @file A photo and its labels turned into a training crop: mirrored, turned, cropped between texts, brought to size. */

import { check, type Kinds, kind, object, oneOf, typedArray, whole } from '../../check.ts';
import { DBNetError } from '../../errors.ts';
import { checkLabels } from '../../geometry/points.ts';
import type { Rgb } from '../../input/types.ts';
import type { Point } from '../../postprocess/types.ts';
import { type Affine, compose, mapPoint, mirror, rotation, scaleAndShift } from './affine.ts';
import { type AugmentOptions, withDefaults } from './augment-options.ts';
import { clipPolygon } from './clip-polygon.ts';
import { type Area, chooseCrop } from './crop-area.ts';
import { Random } from './random.ts';
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
 * @example
 * import { augment, Random } from 'dbnet-webgpu/train';
 *
 * const picture = { data: new Uint8Array(640 * 480 * 4), width: 640, height: 480, channels: 4 as const };
 * const crop = augment(picture, [{ points: [[10, 10], [110, 10], [110, 40], [10, 40]] }], new Random(1));
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
  const view = drawView(picture, polygons, random, options);
  const { size, map, polygons: kept } = view;
  const data = resample(picture, map, view);
  return { data, width: size, height: size, channels: 4, polygons: kept, map };
}

/** A crop without its pixels: how a picture is seen in it, in the terms of `resample`. */
export interface View<Polygon extends TextPolygon> {
  /** Side of the crop, pixels. */
  size: number;
  /** From pixels of the picture to those of the crop. */
  map: Affine;
  /** The part of the crop, from its corner, that shows the picture. */
  shown: { width: number; height: number };
  /** Side of the squares of the picture that pixels are averaged over. */
  footprint: number;
  fill: readonly [number, number, number];
  background: Rgb;
  /** As in `Augmented`. */
  polygons: Polygon[];
}

/**
 * Draws a crop of a picture of this size: what `augment` does, but for the pixels.
 *
 * @throws DBNetError `invalid-argument` for polygons and options
 */
export function drawView<Polygon extends TextPolygon>(
  { width, height }: { width: number; height: number },
  polygons: readonly Polygon[],
  random: Random,
  options: AugmentOptions,
): View<Polygon> {
  checkLabels('polygons', polygons);
  const settings = withDefaults(options);
  if (settings.augment) check('random', random, randomKind);
  const { cropSize: size, fill, background } = settings;

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

  let factor = size / Math.max(area.width, area.height);
  let shown: View<Polygon>['shown'];
  if (settings.crop || !settings.augment) {
    map = compose(map, scaleAndShift(factor, -factor * area.x, -factor * area.y));
    const side = (length: number) => Math.max(1, Math.round(factor * length));
    shown = { width: side(area.width), height: side(area.height) };
  } else {
    factor *= scale;
    scale = 1;
    const [x, y] = [place[0] * (size - factor * width), place[1] * (size - factor * height)];
    map = compose(map, scaleAndShift(factor, x, y));
    shown = { width: size, height: size };
  }
  const footprint = Math.max(1 / factor, 1 / scale);
  const kept = polygons.flatMap((polygon) => {
    const points = mapAll(map, polygon.points);
    if (mirrored) points.reverse();
    const visible = clipPolygon(points, shown.width, shown.height);
    return visible ? [{ ...polygon, points: visible }] : [];
  });
  return { size, map, shown, footprint, fill, background, polygons: kept };
}

const mapAll = (map: Affine, points: readonly Point[]): Point[] =>
  points.map((point) => mapPoint(map, point));

const randomKind = kind<Random>('a Random', (value) => value instanceof Random);
const pictureKinds: Kinds<Picture> = {
  data: typedArray('Uint8Array', 'Uint8ClampedArray'),
  width: whole(1),
  height: whole(1),
  channels: oneOf(3, 4),
};

/** @throws DBNetError `invalid-image` */
function checkPicture(picture: Picture): void {
  const members = check<object>('picture', picture, object, 'invalid-image') as Picture;
  for (const key of ['data', 'width', 'height', 'channels'] as const) {
    check<unknown>(`picture.${key}`, members[key], pictureKinds[key], 'invalid-image');
  }
  const { data, width, height, channels } = picture;
  const length = width * height * channels;
  if (data.length === length) return;
  const expected = `expected ${length} bytes for ${width}x${height} pixels with ${channels} channels`;
  throw new DBNetError('invalid-image', `picture.data: ${expected}, found ${data.length}.`);
}
