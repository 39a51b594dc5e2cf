/**
 * @file Images of every kind, brought to a form that can be uploaded: raw pixels, something that the browser can copy into a
 * texture without going through the CPU, or something that the device reads where it is.
 */

import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { Slots } from '../gpu/slots.ts';
import { hasPlainBuffer, kindOf } from '../kind-of.ts';
import type { Size } from '../size.ts';
import type { Web } from '../web.ts';
import { checkTexture, isTexture } from './gpu-texture.ts';
import { checkPixels } from './pixels.ts';
import { showsFrame } from './shows-frame.ts';
import type { ImageSource, RawImage } from './types.ts';
import { unreadable } from './unreadable.ts';

/** What `copyExternalImageToTexture` takes. */
export type TextureSource = Web<
  'ImageBitmap' | 'HTMLCanvasElement' | 'OffscreenCanvas' | 'HTMLVideoElement' | 'VideoFrame'
>;

/** What is not in memory of JavaScript. */
type Sourced =
  /** What is copied into a texture. */
  | { kind: 'texture'; source: TextureSource }
  /** What the device reads where it is: opaque frames, and textures of its own. */
  | { kind: 'external'; source: Web<'VideoFrame'> }
  | { kind: 'bound'; source: GPUTexture };

export type ReadyImage = (({ kind: 'pixels' } & RawImage) | Sourced) & {
  /** Pixels of the image, or of the part of it that counts. */
  width: number;
  height: number;
  /** Where that part begins in the source; never of pixels, which are cut out. */
  origin?: { x: number; y: number };
  /** Set where it is the caller's, who may change it as soon as the call returns. */
  borrowed?: true;
  /** Frees what was made of the caller's image. */
  close?(): void;
};

/** What the one who asks can take. */
export interface ReadOptions {
  /** Whether an image of the browser can be copied into a texture, or drawn. Default true. */
  copiesImages?: boolean;
  /** Whether frames of a video can be bound as they are; else they are copied. Default false. */
  importsFrames?: boolean;
  /** Whether textures are of the asker's own device. Default false: they are refused. */
  bindsTextures?: boolean;
  /**
   * How many blobs are decoded at a time and held until `close()`; no limit if it is left out. A blob cannot change, so it
   * can wait as it is.
   */
  decoding?: Slots;
}

/**
 * Brings an image to a form that can be uploaded: at once, unless it has to be decoded.
 * @throws DBNetError `invalid-image`.
 */
export function readImage(image: ImageSource, options: ReadOptions = {}): ReadyImage | Promise<ReadyImage> {
  const own = (source: ImageBitmap) => ready({ kind: 'texture', source }, options, () => source.close());
  switch (kindOf(image)) {
    case 'ImageData': {
      const { data, width, height } = image as ImageData;
      return readyPixels({ data: data as Uint8ClampedArray, width, height, channels: 4 });
    }
    case 'Blob':
    case 'File':
      return decodeInTurn(async () => own(await decode(image as Blob)), options.decoding);
    case 'HTMLImageElement':
      return decodeElement(image as HTMLImageElement).then(own);
    case 'ImageBitmap':
    case 'HTMLCanvasElement':
    case 'OffscreenCanvas':
      return ready({ kind: 'texture', source: image as ImageBitmap }, options);
    case 'HTMLVideoElement':
      return currentFrame(image as HTMLVideoElement, options);
    case 'VideoFrame':
      return ready(formOfFrame(image as VideoFrame, options), options);
    default:
      return isTexture(image)
        ? ready({ kind: 'bound', source: checkTexture(image, options.bindsTextures === true) }, options)
        : readyPixels(image as RawImage);
  }
}

async function decodeInTurn(decodeOne: () => Promise<ReadyImage>, decoding?: Slots): Promise<ReadyImage> {
  const leave = await decoding?.enter();
  try {
    const decoded = await decodeOne();
    const close = () => {
      decoded.close?.();
      leave?.();
    };
    return { ...decoded, close };
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

/** The frame that a video shows; of a stream that ends or is exchanged meanwhile, too. */
function currentFrame(video: HTMLVideoElement, options: ReadOptions): ReadyImage {
  if (!showsFrame(video)) {
    throw new DBNetError(
      'invalid-image',
      `expected a <video> that shows a frame, found one in readyState ${video.readyState}: wait for its event 'loadeddata'`,
    );
  }
  if (typeof VideoFrame !== 'function') return ready({ kind: 'texture', source: video }, options);
  let frame: VideoFrame;
  try {
    frame = new VideoFrame(video);
  } catch (cause) {
    throw unreadable(cause);
  }
  return ready(formOfFrame(frame, options), options, () => frame.close());
}

/** A frame with alpha is copied: bound, it would be premultiplied. The format of an opaque one may be a secret (null). */
function formOfFrame(source: Web<'VideoFrame'>, { importsFrames = false }: ReadOptions): Sourced {
  const isOpaque = !source.format?.includes('A');
  return { kind: importsFrames && isOpaque ? 'external' : 'texture', source };
}

/** The size at which an image is shown. */
function sizeOf(source: TextureSource | GPUTexture): Size {
  if ('videoWidth' in source) return { width: source.videoWidth, height: source.videoHeight };
  if ('displayWidth' in source) return { width: source.displayWidth, height: source.displayHeight };
  return { width: source.width, height: source.height };
}

/** @param close for a source that was made here. */
function ready(form: Sourced, { copiesImages = true }: ReadOptions, close?: () => void): ReadyImage {
  const { width, height } = sizeOf(form.source);
  const found = describe(form.source);
  const problem =
    form.kind === 'texture' && !copiesImages
      ? `expected pixels, since this platform cannot copy images to the GPU, found ${found}: pass { data, width, height, channels }`
      : (width === 0 || height === 0) &&
        `expected an image with pixels, found ${found} of ${width}x${height} (closed or empty?)`;
  if (!problem) return { ...form, width, height, ...(close ? { close } : { borrowed: true }) };
  close?.();
  throw new DBNetError('invalid-image', problem);
}

function readyPixels(image: RawImage): ReadyImage {
  const { data, ...form } = checkPixels(image);
  const memory = hasPlainBuffer(data) ? { data, borrowed: true as const } : { data: new Uint8Array(data) };
  return { kind: 'pixels', ...form, ...memory };
}
