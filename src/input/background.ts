/** @file What shows through transparent pixels: the one rule for images of every kind. */

import { tuple, whole } from '../check.ts';
import type { RawImage, Rgb } from './types.ts';

/** What viewers show behind transparent pixels. */
export const white: Rgb = [255, 255, 255];

export const rgb = tuple<Rgb>('[red, green, blue], whole numbers from 0 to 255', 3, whole(0, 255));

/**
 * Straight RGBA composed over a colour, each channel round((pixel * alpha + colour * (255 - alpha)) / 255), as
 * `preprocess` does it on the GPU.
 * @returns RGB, or the very same image if none of its pixels is transparent
 */
export function flatten<Image extends RawImage>(
  image: Image,
  background: Rgb,
): Image | (RawImage & { channels: 3 }) {
  const { data, width, height, channels } = image;
  if (channels !== 4 || isOpaque(data)) return image;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    const alpha = data[from + 3];
    for (let c = 0; c < 3; c++) {
      rgb[to + c] = (data[from + c] * alpha + background[c] * (255 - alpha) + 127) / 255;
    }
  }
  return { data: rgb, width, height, channels: 3 };
}

function isOpaque(rgba: Uint8Array | Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}
