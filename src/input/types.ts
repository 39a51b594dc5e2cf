/** @file The nouns of what comes before the network: images, sizes, colours and the input recipe. */

/** A colour: red, green and blue, whole numbers from 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Raw pixels, row-major, channels interleaved: grey, RGB, or RGBA with straight alpha as in `ImageData`. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 1 | 3 | 4;
}

/** Everything `detect()` and `maps()` take as an image. The browser's own kinds are for browsers only. */
export type ImageSource =
  | RawImage
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData
  | Blob;

/**
 * The size at which the network runs, in pixels.
 *
 * Bounds: the image is scaled by s = min(shortSide / short, maxLongSide / long, maxScale); each side becomes the nearest
 * multiple of 32, round(side * s / 32) * 32, but at least 32 and at most the largest multiple within `maxLongSide`.
 * Defaults: `shortSide` the weights' own, else 736; `maxLongSide` 2048; `maxScale` 4, beyond which small pictures take time
 * and no more is found (`docs/architecture.md`).
 *
 * Fixed: `width` and `height`, multiples of 32.
 */
export type SizeOption =
  | { shortSide?: number; maxLongSide?: number; maxScale?: number }
  | { width: number; height: number };

/** What a caller should know of a detection that did not fail. */
export interface DetectionWarning {
  /** The image was made so small for the network, less than half of what was wanted, that small text is lost. */
  code: 'text-shrunk';
  /** For people: what happened, and what to do. */
  message: string;
  /** Network pixels per pixel of the image, of the axis that was shrunk more. */
  scale: number;
  /** The `maxLongSide` at which the text is not shrunk. */
  sufficientLongSide: number;
}

/** What pixels become before the network: pixel' = (pixel - mean) / std, in the stated channel order. */
export interface InputRecipe {
  channelOrder: 'rgb' | 'bgr';
  /** In units of pixel values, 0 to 255, in the stated channel order. */
  mean: [number, number, number];
  std: [number, number, number];
}
