/**
 * @file Images of every kind, brought to one of two forms: raw pixels, or something that the browser can copy into
 * a texture without going through the CPU.
 */

import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { Slots } from '../gpu/slots.ts';
import { hasPlainBuffer, isTypedArray, kindOf } from '../kind-of.ts';
import type { Box, Size } from '../size.ts';
import type { ImageSource, RawImage } from './types.ts';

/** What `copyExternalImageToTexture` takes. */
export type TextureSource = ImageBitmap | HTMLCanvasElement | OffscreenCanvas;

export type ReadyImage = (
  | ({ kind: 'pixels' } & RawImage)
  | { kind: 'texture'; source: TextureSource; width: number; height: number }
) & {
  /** Set where it is the caller's, who may change it as soon as the call returns. */
  borrowed?: true;
  /** Frees what was made of the caller's image. */
  close?(): void;
};

/** Sides above this do not fit the resize table. */
const maxSide = 65535;

/** Width of the strips in which an image too large for a texture is read, pixels. */
const stripWidth = 4096;

/**
 * Brings an image to a form that can be uploaded: at once, unless it has to be decoded.
 * @param maxTextureSide a larger image is read in strips, as pixels.
 * @param decoding how many blobs are decoded at a time and held until `close()`; no limit if it is left out. A blob cannot
 *   change, so it can wait as it is.
 * @throws DBNetError `invalid-image`.
 */
export function readImage(
  image: ImageSource,
  maxTextureSide: number,
  decoding?: Slots,
): ReadyImage | Promise<ReadyImage> {
  const own = (bitmap: ImageBitmap) => textureOrStrips(bitmap, maxTextureSide, () => bitmap.close());
  switch (kindOf(image)) {
    case 'ImageData': {
      const { data, width, height } = image as ImageData;
      return checkPixels({ data: data as Uint8ClampedArray, width, height, channels: 4 });
    }
    case 'Blob':
    case 'File':
      return decodeInTurn(async () => own(await decode(image as Blob)), decoding);
    case 'HTMLImageElement':
      return decodeElement(image as HTMLImageElement).then(own);
    case 'ImageBitmap':
    case 'HTMLCanvasElement':
    case 'OffscreenCanvas':
      return textureOrStrips(image as TextureSource, maxTextureSide);
    default:
      return checkPixels(image as RawImage);
  }
}

/**
 * An image that nobody but this library can change. What is borrowed is copied as it is now, before this returns.
 * @throws DBNetError `invalid-image`.
 */
export function ownImage(image: ReadyImage): ReadyImage | Promise<ReadyImage> {
  if (!image.borrowed) return image;
  const { borrowed: _, ...own } = image;
  // Not slice(), which for Node's Buffer is a view.
  if (own.kind === 'pixels') return { ...own, data: new Uint8Array(own.data) };
  // Only the handle of the copy comes later.
  return createImageBitmap(own.source).then(
    (source) => ({ ...own, source, close: () => source.close() }),
    (cause) => {
      throw unreadable(cause);
    },
  );
}

/** What it means that a browser does not give the pixels of an image. */
export function unreadable(cause: unknown): DBNetError {
  const { name, message } = (cause ?? {}) as { name?: unknown; message?: unknown };
  return new DBNetError(
    'invalid-image',
    name === 'SecurityError'
      ? 'expected an image whose pixels this page may read, found one from another origin, or drawn with one: give the ' +
          '<img> the attribute crossorigin="anonymous" (its server must answer with Access-Control-Allow-Origin), serve ' +
          'it from the origin of the page, or fetch() it with CORS and pass the Blob'
      : `expected an image whose pixels can be read, found that this browser does not give them (${message ?? cause})`,
    { cause },
  );
}

async function decodeInTurn(decodeOne: () => Promise<ReadyImage>, decoding?: Slots): Promise<ReadyImage> {
  const leave = await decoding?.enter();
  try {
    const ready = await decodeOne();
    const close = () => {
      ready.close?.();
      leave?.();
    };
    return { ...ready, close };
  } catch (error) {
    leave?.();
    throw error;
  }
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
    if ((cause as { name?: unknown } | undefined)?.name === 'SecurityError') throw unreadable(cause);
    throw new DBNetError(
      'invalid-image',
      `expected an <img> that can be decoded, found '${image.currentSrc || image.src}': is the address right, and ` +
        'if it has the attribute crossorigin, does its server allow that (CORS)?',
      { cause },
    );
  }
}

/** @param close for a source that was made here. */
function textureOrStrips(source: TextureSource, maxTextureSide: number, close?: () => void): ReadyImage {
  const { width, height } = source;
  if (width === 0 || height === 0) {
    throw new DBNetError(
      'invalid-image',
      `expected an image with pixels, found ${describe(source)} of ${width}x${height} (closed or empty?)`,
    );
  }
  if (Math.max(width, height) <= maxTextureSide) {
    return { kind: 'texture', source, width, height, ...(close ? { close } : { borrowed: true }) };
  }
  try {
    const { borrowed: _, ...image } = checkPixels({
      data: readPixelsOf(source),
      width,
      height,
      channels: 4,
    });
    return image;
  } finally {
    close?.();
  }
}

/**
 * The pixels of an image or of a part of it, straight RGBA, read through a small canvas: an image may be larger than a
 * canvas can be.
 * @throws DBNetError `invalid-image`.
 */
export function readPixelsOf(
  source: TextureSource,
  part: Box = { x: 0, y: 0, ...sizeOf(source) },
): Uint8ClampedArray {
  try {
    return readStrips(source, part);
  } catch (cause) {
    throw cause instanceof DBNetError ? cause : unreadable(cause);
  }
}

const sizeOf = ({ width, height }: TextureSource): Size => ({ width, height });

function readStrips(source: TextureSource, { x, y, width, height }: Box): Uint8ClampedArray {
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
      for (let row = 0; row < rows; row++) {
        const pixels = strip.subarray(row * columns * 4, (row + 1) * columns * 4);
        data.set(pixels, ((top + row) * width + left) * 4);
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
  const ready = { kind: 'pixels', data, width, height, channels } as const;
  return hasPlainBuffer(data) ? { ...ready, borrowed: true } : { ...ready, data: new Uint8Array(data) };
}
