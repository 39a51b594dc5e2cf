/** @file Images of every kind as pixels in memory, which crops are cut from. */

import { pixelsOf } from '../input/crop.ts';
import { readImage } from '../input/image.ts';
import type { ImageSource } from '../input/types.ts';

export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 3 | 4;
}

/**
 * The pixels of an image, RGB or straight RGBA.
 * @throws DBNetError `invalid-image`.
 */
export async function readPixels(image: ImageSource): Promise<Pixels> {
  const ready = await readImage(image);
  try {
    const { data, width, height, channels } = pixelsOf(ready);
    return channels === 1 ? fromGrey(data, width, height) : { data, width, height, channels };
  } finally {
    ready.close?.();
  }
}

function fromGrey(grey: Uint8Array | Uint8ClampedArray, width: number, height: number): Pixels {
  const data = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) data.fill(grey[i], 3 * i, 3 * i + 3);
  return { data, width, height, channels: 3 };
}
