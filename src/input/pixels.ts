/** @file Raw pixels: checked, cut out, and read from what a browser can draw. */

import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { isTypedArray } from '../kind-of.ts';
import type { Box } from '../size.ts';
import type { RawImage } from './types.ts';
import { unreadable } from './unreadable.ts';

/** Sides above this do not fit the resize table. */
const maxSide = 65535;

/** Width of the strips in which an image too large for a texture is read, pixels. */
const stripWidth = 4096;

/**
 * The pixels of a part of an image, straight RGBA, read through a small canvas: an image may be larger than a canvas can be.
 * @throws DBNetError `invalid-image`.
 */
export function readPixelsOf(source: CanvasImageSource, part: Box): Uint8ClampedArray {
  try {
    return readStrips(source, part);
  } catch (cause) {
    throw cause instanceof DBNetError ? cause : unreadable(cause);
  }
}

function readStrips(source: CanvasImageSource, { x, y, width, height }: Box): Uint8ClampedArray {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let top = 0; top < height; top += stripWidth) {
    for (let left = 0; left < width; left += stripWidth) {
      const columns = Math.min(stripWidth, width - left);
      const rows = Math.min(stripWidth, height - top);
      const canvas = new OffscreenCanvas(columns, rows).getContext('2d', { willReadFrequently: true });
      if (!canvas)
        throw new DBNetError('invalid-image', 'this browser gives no 2D canvas to read an image with');
      canvas.drawImage(source, x + left, y + top, columns, rows, 0, 0, columns, rows);
      const strip = canvas.getImageData(0, 0, columns, rows).data;
      for (let i = 0; i < rows; i++) {
        data.set(strip.subarray(i * columns * 4, (i + 1) * columns * 4), ((top + i) * width + left) * 4);
      }
    }
  }
  return data;
}

/** Checks that raw pixels fit their size. @throws DBNetError `invalid-image` */
export function checkPixels(image: RawImage): RawImage {
  const problem = (expected: string, found: unknown) =>
    new DBNetError('invalid-image', `image: expected ${expected}, found ${describe(found)}`);
  if (typeof image !== 'object' || image === null) {
    throw problem('{ data, width, height, channels } or an image of the browser', image);
  }
  const { data, width, height, channels } = image;
  if (!isTypedArray(data, 'Uint8Array', 'Uint8ClampedArray')) {
    throw problem('data as Uint8Array or Uint8ClampedArray (or an image of the browser)', data ?? image);
  }
  for (const [name, side] of Object.entries({ width, height })) {
    if (!Number.isInteger(side) || side < 1 || side > maxSide) {
      throw problem(`${name} as a whole number from 1 to ${maxSide}`, side);
    }
  }
  if (channels !== 1 && channels !== 3 && channels !== 4) throw problem('1, 3 or 4 channels', channels);
  if (data.length !== width * height * channels) {
    throw problem(
      `${width * height * channels} bytes for ${width}x${height} with ${channels} channels`,
      data.length,
    );
  }
  return { data, width, height, channels };
}

/** A copy of a part of raw pixels. */
export function cutOut({ data, width: stride, channels }: RawImage, { x, y, width, height }: Box): RawImage {
  const row = width * channels;
  const own = new Uint8Array(row * height);
  for (let i = 0; i < height; i++) {
    const from = ((y + i) * stride + x) * channels;
    own.set(data.subarray(from, from + row), i * row);
  }
  return { data: own, width, height, channels };
}
