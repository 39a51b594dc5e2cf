/** @file Crops of regions, upright, for what reads them. */

import { boolean, check, checkOptions, invalid, type Kinds, mismatch, object, whole } from '../check.ts';
import { MAX_PIXELS } from '../geometry/limits.ts';
import { checkCorners, type Point } from '../geometry/points.ts';
import { boxAround, isOutside } from '../geometry/polygon.ts';
import { flatten, rgb, white } from '../input/background.ts';
import { crop, pixelsOf } from '../input/crop.ts';
import { type ReadyImage, readImage } from '../input/image.ts';
import type { ImageSource, RawImage, Rgb } from '../input/types.ts';
import { loadModule } from '../load-module.ts';
import type { Size } from '../size.ts';
import { isConvexQuad, perspective, type Quad } from './perspective.ts';

/** Options of {@link rectify}. */
export interface RectifyOptions {
  /** Height of the crop, pixels; the width follows. Default: as high as the region is in the picture. */
  height?: number;
  /** The crop is squeezed to this width if it is wider, pixels. */
  maxWidth?: number;
  /**
   * Whether a region that is at least 1.5 times as high as wide is turned by a quarter, counter-clockwise, as PaddleOCR
   * does it for what reads lines. Default true.
   */
  turnVertical?: boolean;
  /** What transparent pixels are composed over. Default white. */
  background?: Rgb;
}

/** Opaque pixels: `new ImageData(data, width, height)` is the same for a canvas. */
export interface Crop {
  /** RGBA, row-major. */
  data: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
  channels: 4;
}

const rectifyKinds: Kinds<RectifyOptions> = {
  height: whole(1, 65535),
  maxWidth: whole(1, 65535),
  turnVertical: boolean,
  background: rgb,
};

/** From how many times its width on a region's height means vertical text, as in PaddleOCR's `get_rotate_crop_image`. */
const vertical = 1.5;

/**
 * The part of a picture that a region shows, straightened. Four points (convex; top left, top right, bottom right, bottom left
 * of the text) are mapped by perspective; of other outlines the rectangle of minimum area is taken, so curved text stays
 * curved. Pixels are interpolated bilinearly, and averaged where the crop is smaller than the region; beyond the
 * picture its border is repeated.
 *
 * @example
 * const { regions } = await detector.detect(bitmap);
 * for (const region of readingOrder(regions)) {
 *   const { data, width, height } = await rectify(bitmap, region, { height: 48 });
 *   read(new ImageData(data, width, height));
 * }
 *
 * @param image - the picture in which the region was found. A Blob and an `<img>` are decoded in each call: for many
 *   regions give pixels, a canvas or an `ImageBitmap`
 * @param region - what `detect()` finds, or anything else with an outline `points`, pixels of the picture
 * @throws DBNetError `invalid-image`; `invalid-argument` also for a region without area, outside of the picture, or of more
 *   than 2^28 pixels
 */
export async function rectify(
  image: ImageSource,
  region: { points: readonly Point[] },
  options: RectifyOptions = {},
): Promise<Crop> {
  const { background = white, ...form } = checkOptions(options, rectifyKinds);
  const points = checkCorners('region.points', check('region', region, object).points);
  const corners = isConvexQuad(points) ? (points as unknown as Quad) : await rectangleAround(points);
  const { quad, natural, width, height } = layOut(corners, form);
  const ready = await readImage(image);
  try {
    if (isOutside(points, ready))
      throw mismatch(
        'region.points',
        `an outline in the ${ready.width}x${ready.height} picture`,
        'one outside of it',
      );
    const { x, y, part } = readPart(ready, quad);
    const shifted = quad.map(([cornerX, cornerY]): Point => [cornerX - x, cornerY - y]) as unknown as Quad;
    return {
      data: sample(flatten(part, background), shifted, natural, { width, height }),
      width,
      height,
      channels: 4,
    };
  } finally {
    ready.close?.();
  }
}

async function rectangleAround(points: readonly Point[]): Promise<Quad> {
  // What a detector has loaded.
  const { minAreaRect } = await loadModule(import('../postprocess/index.ts'));
  const rect = minAreaRect(Float64Array.from(points.flat()));
  if (!(rect.width * rect.height > 0)) throw invalid('region.points', 'an outline with an area', points);
  return rect.corners;
}

/** The corners in the order of the crop's, the sides of the region along them, and the size of the crop. */
function layOut(
  [a, b, c, d]: Quad,
  { height: wanted, maxWidth, turnVertical = true }: Omit<RectifyOptions, 'background'>,
): { quad: Quad; natural: Size; width: number; height: number } {
  const length = (p: Point, q: Point) => Math.hypot(p[0] - q[0], p[1] - q[1]);
  const along = Math.max(length(a, b), length(d, c));
  const down = Math.max(length(a, d), length(b, c));
  const turn = turnVertical && down >= vertical * along;
  const natural = turn ? { width: down, height: along } : { width: along, height: down };
  const height = wanted ?? Math.max(Math.round(natural.height), 1);
  const unbounded = Math.max(Math.round((natural.width * height) / natural.height), 1);
  const width = Math.min(unbounded, maxWidth ?? unbounded);
  if (width * height > MAX_PIXELS || natural.width * natural.height > MAX_PIXELS)
    throw mismatch('region.points', `a crop of at most ${MAX_PIXELS} pixels`, `${width}x${height}`);
  return { quad: turn ? [b, c, d, a] : [a, b, c, d], natural, width, height };
}

/** The pixels of an image around a quad, and where they begin. */
function readPart(ready: ReadyImage, quad: Quad): { x: number; y: number; part: RawImage } {
  const box = boxAround(quad);
  const clip = (value: number, size: number) => Math.min(Math.max(value, 0), size);
  // One pixel more on each side, for the interpolation.
  const x = clip(Math.floor(box.x) - 1, ready.width - 1);
  const y = clip(Math.floor(box.y) - 1, ready.height - 1);
  const width = clip(Math.ceil(box.x + box.width) + 1, ready.width) - x;
  const height = clip(Math.ceil(box.y + box.height) + 1, ready.height) - y;
  return { x, y, part: pixelsOf(crop(ready, { x, y, width, height })) };
}

/**
 * The pixels of a crop, RGBA: of each the mean of as many points as it takes for no pixel of the region to be left out.
 *
 * @param natural - sides of the quad, pixels
 */
function sample(
  { data, width, height, channels }: RawImage,
  quad: Quad,
  natural: Size,
  crop: Size,
): Uint8ClampedArray<ArrayBuffer> {
  const at = perspective(quad);
  const columns = Math.max(Math.ceil(natural.width / crop.width), 1);
  const rows = Math.max(Math.ceil(natural.height / crop.height), 1);
  const pixels = new Uint8ClampedArray(crop.width * crop.height * 4);
  const clip = (value: number, size: number) => Math.min(Math.max(value, 0), size - 1);
  const sums = [0, 0, 0];
  for (let pixel = 0; pixel < crop.width * crop.height; pixel++) {
    const left = (pixel % crop.width) * columns;
    const top = Math.floor(pixel / crop.width) * rows;
    sums.fill(0);
    for (let point = 0; point < columns * rows; point++) {
      const u = (left + (point % columns) + 0.5) / (crop.width * columns);
      const v = (top + Math.floor(point / columns) + 0.5) / (crop.height * rows);
      const [atX, atY] = at(u, v);
      // Pixel centres lie on halves.
      const x = clip(atX - 0.5, width);
      const y = clip(atY - 0.5, height);
      const x0 = Math.floor(x);
      const y0 = Math.floor(y);
      const right = x0 + 1 < width ? channels : 0;
      const below = y0 + 1 < height ? width * channels : 0;
      const first = (y0 * width + x0) * channels;
      for (let c = 0; c < 3; c++) {
        const i = first + (channels === 1 ? 0 : c);
        const upper = data[i] + (data[i + right] - data[i]) * (x - x0);
        const lower = data[i + below] + (data[i + below + right] - data[i + below]) * (x - x0);
        sums[c] += upper + (lower - upper) * (y - y0);
      }
    }
    for (let c = 0; c < 3; c++) pixels[4 * pixel + c] = sums[c] / (columns * rows);
    pixels[4 * pixel + 3] = 255;
  }
  return pixels;
}
