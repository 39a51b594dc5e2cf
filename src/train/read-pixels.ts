/** @file Images of every kind as pixels in memory, which crops are cut from. */

import { type ReadyImage, readImage } from '../input/image.ts';
import { readPixelsOf } from '../input/pixels.ts';
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
  const ready = await readImage(image, { copiesImages: true });
  if (ready.kind !== 'pixels') {
    // Neither frames nor textures are bound here.
    const { source, width, height } = ready as ReadyImage & { kind: 'texture' };
    try {
      return { data: readPixelsOf(source, { x: 0, y: 0, width, height }), width, height, channels: 4 };
    } finally {
      ready.close?.();
    }
  }
  const { data, width, height, channels } = ready;
  return channels === 1 ? fromGrey(data, width, height) : { data, width, height, channels };
}

function fromGrey(grey: Uint8Array | Uint8ClampedArray, width: number, height: number): Pixels {
  const data = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) data.fill(grey[i], 3 * i, 3 * i + 3);
  return { data, width, height, channels: 3 };
}
