/**
 * @file Images of every kind, brought to a form that can be uploaded: raw pixels, something that the browser can copy into a
 * texture without going through the CPU, or something that the device reads where it is.
 */

import { checkComplete, mismatch, whole } from '../check.ts';
import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { GpuContext } from '../gpu/device.ts';
import type { Slots } from '../gpu/slots.ts';
import { hasPlainBuffer, kindOf } from '../kind-of.ts';
import type { Size } from '../size.ts';
import { checkTexture, copyOfTexture, isTexture } from './gpu-texture.ts';
import { checkPixels, cutOut, readPixelsOf } from './pixels.ts';
import type { ImageSource, RawImage, Rectangle } from './types.ts';
import { unreadable } from './unreadable.ts';

/** What `copyExternalImageToTexture` takes. */
export type TextureSource = ImageBitmap | HTMLCanvasElement | OffscreenCanvas | HTMLVideoElement | VideoFrame;

/** What is not in memory of JavaScript. */
type Sourced =
  /** What is copied into a texture. */
  | { kind: 'texture'; source: TextureSource }
  /** What the device reads where it is: opaque frames, and textures of its own. */
  | { kind: 'external'; source: VideoFrame }
  | { kind: 'bound'; source: GPUTexture };

export type ReadyImage = (({ kind: 'pixels' } & RawImage) | Sourced) & {
  /** Pixels of the part of the image that counts. */
  width: number;
  height: number;
  /** The size of all of the image, where only a part counts. */
  partOf?: Size;
  /** Where that part begins in the source; never of pixels, which are cut out. */
  origin?: { x: number; y: number };
  /** Set where it is the caller's, who may change it as soon as the call returns. */
  borrowed?: true;
  /** Frees what was made of the caller's image. */
  close?(): void;
};

/** What the one who asks can take, and what of the image is wanted. */
export interface ReadOptions {
  /** A larger image is read in strips, as pixels. */
  maxTextureSide: number;
  /** Whether an image of the browser can be copied into a texture, or drawn. */
  copiesImages: boolean;
  /** Whether frames of a video can be bound as they are; else they are copied. Default false. */
  importsFrames?: boolean;
  /** Whether textures are of the asker's own device. Default false: they are refused. */
  bindsTextures?: boolean;
  /** Default: all of the image. */
  regionOfInterest?: Rectangle;
  /**
   * How many blobs are decoded at a time and held until `close()`; no limit if it is left out. A blob cannot change, so it
   * can wait as it is.
   */
  decoding?: Slots;
}

/**
 * Brings an image to a form that can be uploaded: at once, unless it has to be decoded.
 * @throws DBNetError `invalid-image`; `invalid-argument` for a region that the image does not have.
 */
export function readImage(image: ImageSource, options: ReadOptions): ReadyImage | Promise<ReadyImage> {
  const own = (source: ImageBitmap) => part({ kind: 'texture', source }, options, () => source.close());
  switch (kindOf(image)) {
    case 'ImageData': {
      const { data, width, height } = image as ImageData;
      return partOfPixels({ data: data as Uint8ClampedArray, width, height, channels: 4 }, options);
    }
    case 'Blob':
    case 'File':
      return decodeInTurn(async () => own(await decode(image as Blob)), options.decoding);
    case 'HTMLImageElement':
      return decodeElement(image as HTMLImageElement).then(own);
    case 'ImageBitmap':
    case 'HTMLCanvasElement':
    case 'OffscreenCanvas':
      return part({ kind: 'texture', source: image as ImageBitmap }, options);
    case 'HTMLVideoElement':
      return currentFrame(image as HTMLVideoElement, options);
    case 'VideoFrame':
      return part(formOfFrame(image as VideoFrame, options), options);
    default:
      return isTexture(image)
        ? part({ kind: 'bound', source: checkTexture(image, options.bindsTextures === true) }, options)
        : partOfPixels(image as RawImage, options);
  }
}

/**
 * An image that nobody but this library can change. What is borrowed is copied as it is now, before this returns.
 * @throws DBNetError `invalid-image`.
 */
export function ownImage(
  image: ReadyImage,
  context: Pick<GpuContext, 'device' | 'memory'>,
): ReadyImage | Promise<ReadyImage> {
  if (!image.borrowed) return image;
  const { borrowed: _, ...own } = image;
  if (own.kind === 'pixels') {
    // Not slice(), which for Node's Buffer is a view.
    return { ...own, data: new Uint8Array(own.data) };
  }
  if ('clone' in own.source) {
    // Another handle of the same frame: nothing is copied.
    const source = own.source.clone();
    return { ...own, source, close: () => source.close() } as ReadyImage;
  }
  const { origin: { x, y } = { x: 0, y: 0 }, ...part } = own;
  if (part.kind === 'bound') {
    const source = copyOfTexture(part.source, { x, y, ...part }, context);
    return { ...part, source, close: () => context.memory.free(source) };
  }
  // Only the handle of the copy comes later.
  return createImageBitmap(part.source as TextureSource, x, y, part.width, part.height).then(
    (source) => ({ ...part, kind: 'texture', source, close: () => source.close() }),
    (cause) => {
      throw unreadable(cause);
    },
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

/** The frame that a video shows; of a stream that ends or is exchanged meanwhile, too. */
function currentFrame(video: HTMLVideoElement, options: ReadOptions): ReadyImage {
  if (video.readyState < haveCurrentData) {
    throw new DBNetError(
      'invalid-image',
      `expected a <video> that shows a frame, found one in readyState ${video.readyState}: wait for its event 'loadeddata'`,
    );
  }
  if (typeof VideoFrame !== 'function') return part({ kind: 'texture', source: video }, options);
  let frame: VideoFrame;
  try {
    frame = new VideoFrame(video);
  } catch (cause) {
    throw unreadable(cause);
  }
  return part(formOfFrame(frame, options), options, () => frame.close());
}

/** HTMLMediaElement.HAVE_CURRENT_DATA. */
const haveCurrentData = 2;

/** A frame with alpha is copied: bound, it would be premultiplied. The format of an opaque one may be a secret (null). */
function formOfFrame(source: VideoFrame, { importsFrames = false }: ReadOptions): Sourced {
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
function part(form: Sourced, options: ReadOptions, close?: () => void): ReadyImage {
  try {
    if (form.kind === 'texture' && !options.copiesImages) {
      throw new DBNetError(
        'invalid-image',
        `expected pixels, since this platform cannot copy images to the GPU, found ${describe(form.source)}: pass ` +
          '{ data, width, height, channels }',
      );
    }
    const size = sizeOf(form.source);
    if (size.width === 0 || size.height === 0) {
      throw new DBNetError(
        'invalid-image',
        `expected an image with pixels, found ${describe(form.source)} of ${size.width}x${size.height} (closed or empty?)`,
      );
    }
    const isPart = options.regionOfInterest !== undefined;
    const { x, y, width, height } = checkRegion(options.regionOfInterest, size);
    if (form.kind !== 'texture' || Math.max(width, height) <= options.maxTextureSide) {
      const owner = close ? { close } : ({ borrowed: true } as const);
      return { ...form, width, height, ...owner, ...(isPart && { partOf: size, origin: { x, y } }) };
    }
    const data = readPixelsOf(form.source, { x, y, width, height });
    close?.();
    return { kind: 'pixels', data, width, height, channels: 4, ...(isPart && { partOf: size }) };
  } catch (error) {
    close?.();
    throw error;
  }
}

/** Raw pixels, or a copy of a part of them. */
function partOfPixels(image: RawImage, { regionOfInterest }: ReadOptions): ReadyImage {
  const all = checkPixels(image);
  const { data, width, height } = all;
  if (regionOfInterest) {
    const part = cutOut(all, checkRegion(regionOfInterest, all));
    return { kind: 'pixels', ...part, partOf: { width, height } };
  }
  return {
    kind: 'pixels',
    ...all,
    ...(hasPlainBuffer(data) ? { borrowed: true } : { data: new Uint8Array(data) }),
  };
}

/** @throws DBNetError `invalid-argument` */
function checkRegion(region: Rectangle | undefined, { width, height }: Size): Rectangle {
  if (!region) return { x: 0, y: 0, width, height };
  const name = 'Option regionOfInterest';
  const asked = checkComplete<Rectangle>(name, region, {
    x: whole(0),
    y: whole(0),
    width: whole(1),
    height: whole(1),
  });
  if (asked.x + asked.width > width || asked.y + asked.height > height) {
    const found = `${asked.width}x${asked.height} at ${asked.x}, ${asked.y}`;
    throw mismatch(name, `a part of the image of ${width}x${height}`, found);
  }
  return asked;
}
