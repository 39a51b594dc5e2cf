/**
 * @file Images of every kind, brought to one of two forms: raw pixels, or something that the browser can copy into
 * a texture without going through the CPU.
 */

import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { ImageSource, RawImage } from './types.ts';

/** What `copyExternalImageToTexture` takes. */
export type TextureSource = ImageBitmap | HTMLCanvasElement | OffscreenCanvas;

export type ReadyImage =
  | ({ kind: 'pixels' } & RawImage)
  | {
      kind: 'texture';
      source: TextureSource;
      width: number;
      height: number;
      /** Frees what was made for the conversion. */
      close(): void;
    };

/** Sides above this do not fit the resize table. */
const maxSide = 65535;

/** Width of the strips in which an image too large for a texture is read, pixels. */
const stripWidth = 4096;

/**
 * Brings an image to a form that can be uploaded.
 * @param maxTextureSide a larger image is read in strips, as pixels.
 * @throws DBNetError `invalid-image`.
 */
export async function readImage(image: ImageSource, maxTextureSide: number): Promise<ReadyImage> {
  if (isInstance(image, 'ImageData')) {
    const { data, width, height } = image;
    return checkPixels({ data: data as Uint8ClampedArray, width, height, channels: 4 });
  }
  if (isInstance(image, 'Blob')) {
    const bitmap = await decode(image);
    return textureOrStrips(bitmap, bitmap.width, bitmap.height, maxTextureSide, () => bitmap.close());
  }
  if (isInstance(image, 'HTMLImageElement')) {
    const bitmap = await decodeElement(image);
    return textureOrStrips(bitmap, bitmap.width, bitmap.height, maxTextureSide, () => bitmap.close());
  }
  if (
    isInstance(image, 'ImageBitmap') ||
    isInstance(image, 'HTMLCanvasElement') ||
    isInstance(image, 'OffscreenCanvas')
  ) {
    if (image.width === 0 || image.height === 0) {
      throw new DBNetError(
        'invalid-image',
        `expected an image with pixels, found ${describe(image)} of ${image.width}x${image.height} (closed or empty?)`,
      );
    }
    return textureOrStrips(image, image.width, image.height, maxTextureSide, () => {});
  }
  return checkPixels(image);
}

/** True for an instance of a global class that exists on this platform. */
function isInstance<
  Name extends
    | 'ImageData'
    | 'Blob'
    | 'HTMLImageElement'
    | 'ImageBitmap'
    | 'HTMLCanvasElement'
    | 'OffscreenCanvas',
>(value: unknown, name: Name): value is InstanceType<(typeof globalThis)[Name]> {
  const type: unknown = globalThis[name];
  return typeof type === 'function' && value instanceof type;
}

/** The browser decodes and applies the EXIF orientation. */
async function decode(blob: Blob): Promise<ImageBitmap> {
  if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') {
    throw new DBNetError(
      'invalid-image',
      'a Blob can be decoded in browsers only: decode it first and pass { data, width, height, channels }',
    );
  }
  try {
    return await createImageBitmap(blob, { premultiplyAlpha: 'none' });
  } catch (cause) {
    throw new DBNetError(
      'invalid-image',
      `expected an image that this browser can decode, found a Blob of type '${blob.type}' with ${blob.size} bytes`,
      { cause },
    );
  }
}

async function decodeElement(image: HTMLImageElement): Promise<ImageBitmap> {
  try {
    await image.decode();
    return await createImageBitmap(image, { premultiplyAlpha: 'none' });
  } catch (cause) {
    throw new DBNetError(
      'invalid-image',
      `expected an <img> that can be decoded, found '${image.currentSrc || image.src}': is the address right, and ` +
        'does its server allow the use of pixels (CORS)?',
      { cause },
    );
  }
}

function textureOrStrips(
  source: TextureSource,
  width: number,
  height: number,
  maxTextureSide: number,
  close: () => void,
): ReadyImage {
  if (Math.max(width, height) <= maxTextureSide) return { kind: 'texture', source, width, height, close };
  try {
    return checkPixels({ data: readStrips(source, width, height), width, height, channels: 4 });
  } finally {
    close();
  }
}

/** Reads the pixels of an image that is too large for a texture, through a small canvas. */
function readStrips(source: TextureSource, width: number, height: number): Uint8ClampedArray {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let top = 0; top < height; top += stripWidth) {
    for (let left = 0; left < width; left += stripWidth) {
      const columns = Math.min(stripWidth, width - left);
      const rows = Math.min(stripWidth, height - top);
      const canvas = new OffscreenCanvas(columns, rows).getContext('2d', { willReadFrequently: true });
      if (!canvas)
        throw new DBNetError('invalid-image', 'this browser gives no 2D canvas to read a large image with');
      canvas.drawImage(source, left, top, columns, rows, 0, 0, columns, rows);
      const strip = canvas.getImageData(0, 0, columns, rows).data;
      for (let y = 0; y < rows; y++) {
        data.set(strip.subarray(y * columns * 4, (y + 1) * columns * 4), ((top + y) * width + left) * 4);
      }
    }
  }
  return data;
}

/** Checks that raw pixels fit their size. */
function checkPixels(image: RawImage): ReadyImage {
  const problem = (expected: string, found: unknown) =>
    new DBNetError('invalid-image', `image: expected ${expected}, found ${describe(found)}`);
  if (typeof image !== 'object' || image === null) {
    throw problem('{ data, width, height, channels } or an image of the browser', image);
  }
  const { data, width, height, channels } = image;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
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
  return { kind: 'pixels', data, width, height, channels };
}
