/** @file A part of an image, its pixels, and what becomes of one that is too large for a texture. */

import { checkComplete, mismatch, whole } from '../check.ts';
import type { Box, Size } from '../size.ts';
import type { ReadyImage } from './image.ts';
import { cutOut, readPixelsOf } from './pixels.ts';
import type { RawImage } from './types.ts';

/** A part of an image: pixels are cut out, of everything else it is noted. */
export function crop(image: ReadyImage, part: Box): ReadyImage {
  const { x, y, width, height } = part;
  if (image.kind === 'pixels') return { kind: 'pixels', ...cutOut(image, part) };
  const { x: left, y: top } = image.origin ?? { x: 0, y: 0 };
  return { ...image, width, height, origin: { x: left + x, y: top + y } };
}

/** An image that fits into a texture; a larger one as pixels, read in strips. @throws DBNetError `invalid-image` */
export function fitTexture(image: ReadyImage, maxTextureSide: number): ReadyImage {
  if (image.kind !== 'texture' || Math.max(image.width, image.height) <= maxTextureSide) return image;
  const pixels = pixelsOf(image);
  image.close?.();
  return { kind: 'pixels', ...pixels };
}

/** The pixels of an image, as they are or drawn. @throws DBNetError `invalid-image` */
export function pixelsOf(image: ReadyImage): RawImage {
  if (image.kind === 'pixels') return image;
  const { kind, source, width, height, origin: { x, y } = { x: 0, y: 0 } } = image;
  if (kind === 'bound') throw new Error('a texture was taken where nothing can be bound');
  return { data: readPixelsOf(source, { x, y, width, height }), width, height, channels: 4 };
}

/** @throws DBNetError `invalid-argument` for a region that the image does not have. */
export function checkRegion(region: Box, { width, height }: Size): Box {
  const name = 'Option regionOfInterest';
  const start = whole(0);
  const side = whole(1);
  const asked = checkComplete<Box>(name, region, { x: start, y: start, width: side, height: side });
  if (asked.x + asked.width > width || asked.y + asked.height > height) {
    const found = `${asked.width}x${asked.height} at ${asked.x}, ${asked.y}`;
    throw mismatch(name, `a part of the image of ${width}x${height}`, found);
  }
  return asked;
}
