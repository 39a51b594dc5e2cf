/** @file The nouns of what comes before the network: images, sizes, colours and the input recipe. */

import type { Web } from '../web.ts';

/** A colour: red, green and blue, whole numbers from 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Raw pixels, row-major, channels interleaved: grey, RGB, or RGBA with straight alpha as in `ImageData`. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 1 | 3 | 4;
}

/**
 * Everything `detect()` and `maps()` take as an image. The browser's own kinds are for browsers only: a video gives the frame
 * that it shows, and frames are turned and cut as they say. A `GPUTexture` is one of the device that `create()` was given:
 * two-dimensional, `rgba8unorm` or `bgra8unorm`, with usage `TEXTURE_BINDING`, straight alpha.
 */
export type ImageSource =
  | RawImage
  | GPUTexture
  | Web<
      | 'HTMLImageElement'
      | 'HTMLCanvasElement'
      | 'OffscreenCanvas'
      | 'ImageBitmap'
      | 'ImageData'
      | 'HTMLVideoElement'
      | 'VideoFrame'
      | 'Blob'
    >;

/**
 * Where a stream's frames come from. Of a video that plays, a camera for example, and of a `ReadableStream`, such as that of a
 * `MediaStreamTrackProcessor`, the newest frame is taken; frames of a `ReadableStream` are closed. Any other async iterable is
 * asked for one image after the other.
 */
export type FrameStream<Image = ImageSource> =
  | Web<'HTMLVideoElement'>
  | ImageStream<Image>
  | AsyncIterable<Image>;

/** What is used of a `ReadableStream` of images. */
interface ImageStream<Image> {
  getReader(): { read(): Promise<{ done: boolean; value?: Image | undefined }> };
}

/**
 * How weights want the size of an image to become that of the network, pixels; `rule` tells the kinds apart. Sides of the
 * network are multiples of 32, and images are resized as OpenCV does it (bilinear).
 */
export type SizeRule =
  /**
   * The image is scaled to a short side of `value`, within `maxLongSide` and `maxScale` of {@link SizeOption}; each side becomes
   * the nearest multiple of 32. The authors' way, and that of the shipped weights.
   */
  | { rule: 'shortSide'; value: number; multipleOf: 32 }
  /**
   * The image is scaled by min(longSide / long, shortSide / short), to whole pixels; what is missing to multiples of 32, right
   * and bottom, is padded with the mean colour. MMOCR's way.
   */
  | { rule: 'fit'; shortSide: number; longSide: number; multipleOf: 32 }
  /**
   * The image is scaled only where its long side is longer, or its short side shorter, than `value`, or its long side then
   * longer than `longest`; each side becomes a multiple of 32 on its own. PP-OCR's way.
   */
  | { rule: 'limit'; side: 'long' | 'short'; value: number; longest: number; multipleOf: 32 }
  /** All images are stretched to one size. OpenCV's way. */
  | { rule: 'fixed'; width: number; height: number };

/**
 * The size at which the network runs, in pixels; what is left out is as the weights' own {@link SizeRule} says.
 *
 * `shortSide`: the image is scaled by s = min(shortSide / short, maxLongSide / long, maxScale); each side becomes the nearest
 * multiple of 32, round(side * s / 32) * 32, but at least 32 and at most the largest multiple within `maxLongSide`.
 * Defaults: `shortSide` where the weights state one, else 736; `maxLongSide` 2048; `maxScale` 4, beyond which small pictures
 * take time and no more is found (`docs/architecture.md`). Weights with another rule are run by this one where `shortSide`
 * is given.
 *
 * Without `shortSide`, weights with another rule are run by theirs: `maxLongSide` takes the place of its own bound on the
 * long side (`longSide`, `longest`, `value` of a long side), and `maxScale`, if given, bounds the scale as well. Of weights
 * with a fixed size both ask for a short side, the shorter of the two.
 *
 * Fixed: `width` and `height`, multiples of 32; the image is stretched.
 */
export type SizeOption =
  | { shortSide?: number; maxLongSide?: number; maxScale?: number }
  | { width: number; height: number };

/** What a caller should know of a detection that did not fail; `code` tells the kinds apart. */
export type DetectionWarning = TextShrunk | SmallerAfterLoss;

/** The image was made so small for the network, less than half of what was wanted, that small text is lost. */
export interface TextShrunk {
  code: 'text-shrunk';
  /** For people: what happened, and what to do. */
  message: string;
  /** Network pixels per pixel of the image, of the axis that was shrunk more. */
  scale: number;
  /** The `maxLongSide` at which the text is not shrunk. */
  sufficientLongSide: number;
}

/** The device was lost, which nobody had asked for, and the network ran again at 0.7 times its size: small text may be lost. */
export interface SmallerAfterLoss {
  code: 'smaller-after-loss';
  /** For people: what happened, and what to do. */
  message: string;
  /** The network's size at which the device was lost. */
  lostAt: { width: number; height: number };
}

/** What pixels become before the network: pixel' = (pixel - mean) / std, in the stated channel order. */
export interface InputRecipe {
  channelOrder: 'rgb' | 'bgr';
  /** In units of pixel values, 0 to 255, in the stated channel order. */
  mean: [number, number, number];
  std: [number, number, number];
}
