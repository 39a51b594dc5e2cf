/** @file A part of an image, and what becomes of one that is too large for a texture. */

import { checkComplete, mismatch, whole } from '../check.ts';
import type { Size } from '../size.ts';
import type { ReadyImage } from './image.ts';
import { cutOut, readPixelsOf } from './pixels.ts';
import type { Rectangle } from './types.ts';

/** A part of an image: pixels are cut out, of everything else it is noted. */
export function crop(image: ReadyImage, part: Rectangle): ReadyImage {
  const { x, y, width, height } = part;
  if (image.kind === 'pixels') return { kind: 'pixels', ...cutOut(image, part) };
  return { ...image, width, height, origin: { x, y } };
}

/** An image that fits into a texture; a larger one as pixels, read in strips. @throws DBNetError `invalid-image` */
export function fitTexture(image: ReadyImage, maxTextureSide: number): ReadyImage {
  const { kind, width, height, origin: { x, y } = { x: 0, y: 0 } } = image;
  if (kind !== 'texture' || Math.max(width, height) <= maxTextureSide) return image;
  const data = readPixelsOf(image.source, { x, y, width, height });
  image.close?.();
  return { kind: 'pixels', data, width, height, channels: 4 };
}

/** @throws DBNetError `invalid-argument` for a region that the image does not have. */
export function checkRegion(region: Rectangle, { width, height }: Size): Rectangle {
  const name = 'Option regionOfInterest';
  const start = whole(0);
  const side = whole(1);
  const asked = checkComplete<Rectangle>(name, region, { x: start, y: start, width: side, height: side });
  if (asked.x + asked.width > width || asked.y + asked.height > height) {
    const found = `${asked.width}x${asked.height} at ${asked.x}, ${asked.y}`;
    throw mismatch(name, `a part of the image of ${width}x${height}`, found);
  }
  return asked;
}
