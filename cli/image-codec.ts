/** @file Pictures as files: decoding to RGB and writing overlays, through the optional package `sharp`. */

import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { Sharp } from 'sharp';
import { messageOf } from '../src/describe.ts';
import { DBNetError } from '../src/errors.ts';
import type { RawImage } from '../src/input/types.ts';
import { otherThanFile } from './input-file.ts';
import { mendJpegHeaders } from './jpeg-headers.ts';
import type { ImageCodec } from './services.ts';

/** What is used of the package. */
type SharpModule = Pick<typeof import('sharp'), 'default'>;

/** Formats that overlays are written in, by extension. */
const ENCODERS: Record<string, (picture: Sharp) => Sharp> = {
  png: (picture) => picture.png(),
  jpg: (picture) => picture.jpeg({ quality: 90 }),
  jpeg: (picture) => picture.jpeg({ quality: 90 }),
  webp: (picture) => picture.webp({ quality: 90 }),
};

/** Extensions that overlays can have, without the dot. */
export const OVERLAY_EXTENSIONS: readonly string[] = Object.keys(ENCODERS);

/**
 * The codec. JPEG, PNG, WebP and what else the installed `sharp` reads; grey, 16-bit, palette and CMYK
 * pictures become 8-bit RGB (sRGB), or RGBA with straight alpha where they have alpha; of an animation the
 * first frame counts. Damaged files are refused rather than half decoded.
 *
 * @param load How the package is loaded; the default imports it when it is first needed.
 */
export function createImageCodec(load: () => Promise<SharpModule> = () => import('sharp')): ImageCodec {
  let module: Promise<SharpModule> | undefined;
  const getSharp = async (): Promise<SharpModule['default']> => {
    module ??= load();
    try {
      return (await module).default;
    } catch (cause) {
      throw new DBNetError(
        'missing-package',
        `Reading and writing pictures needs the package "sharp", which cannot be loaded: npm install sharp (${firstLine(cause)}).`,
        { cause },
      );
    }
  };

  return {
    async decode(path, { ignoreOrientation = false } = {}) {
      const sharp = await getSharp();
      const bytes = await readImageFile(path);
      try {
        const source = sharp(mendJpegHeaders(bytes), { failOn: 'warning' });
        const upright = ignoreOrientation ? source : source.autoOrient();
        const { data, info } = await upright
          .toColourspace('srgb')
          .raw({ depth: 'uchar' })
          .toBuffer({ resolveWithObject: true });
        return toRawImage(data, info);
      } catch (cause) {
        throw notAPicture(bytes, cause);
      }
    },

    async size(path, { ignoreOrientation = false } = {}) {
      const sharp = await getSharp();
      const bytes = await readImageFile(path);
      try {
        const { width, height, orientation = 1 } = await sharp(bytes).metadata();
        // From 5 on the picture lies on its side.
        const isTurned = orientation >= 5 && !ignoreOrientation;
        return isTurned ? { width: height, height: width } : { width, height };
      } catch (cause) {
        throw notAPicture(bytes, cause);
      }
    },

    async encodeGrey(data, width, height) {
      const sharp = await getSharp();
      const picture = sharp(data, { raw: { width, height, channels: 1 } }).toColourspace('b-w');
      return encode(picture, 'png', { width, height });
    },

    async encodeOverlay(image, svg, extension) {
      const sharp = await getSharp();
      const { data, width, height, channels } = image;
      const picture = sharp(data, { raw: { width, height, channels } }).composite([
        { input: Buffer.from(svg) },
      ]);
      return encode(picture, extension.toLowerCase(), image);
    },
  };
}

function notAPicture(bytes: Uint8Array, cause: unknown): DBNetError {
  if (cause instanceof DBNetError) return cause;
  return new DBNetError(
    'invalid-image',
    `expected a whole JPEG, PNG or WebP picture, found ${bytes.length} bytes that cannot be decoded (${firstLine(cause)}).`,
    { cause },
  );
}

async function encode(
  picture: Sharp,
  extension: string,
  { width, height }: { width: number; height: number },
): Promise<Uint8Array> {
  try {
    return await (ENCODERS[extension] ?? ENCODERS.png)(picture).toBuffer();
  } catch (cause) {
    throw new DBNetError(
      'invalid-image',
      `expected a picture that .${extension} can hold, found ${width} x ${height} pixels (${firstLine(cause)}).`,
      { cause },
    );
  }
}

async function readImageFile(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    const other = otherThanFile(path);
    if (other !== undefined) throw new DBNetError('load-failed', `expected an image file, found ${other}.`);
    bytes = await readFile(path);
  } catch (cause) {
    if (cause instanceof DBNetError) throw cause;
    throw new DBNetError('load-failed', `expected an image file, found ${describeReadError(cause)}.`, {
      cause,
    });
  }
  if (bytes.length === 0) {
    throw new DBNetError('invalid-image', `expected an image file, found an empty file.`);
  }
  return bytes;
}

function describeReadError(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'a file that may not be read';
  return `that it cannot be read (${firstLine(cause)})`;
}

function toRawImage(
  data: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: number },
): RawImage {
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new DBNetError('invalid-image', `expected 1, 3 or 4 channels after decoding, found ${channels}.`);
  }
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), width, height, channels };
}

function firstLine(error: unknown): string {
  const message = messageOf(error);
  return message.split('\n')[0].trim().replace(/\.$/, '');
}
