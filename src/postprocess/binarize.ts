/**
 * @file Fills the label image of the border following: the mask of a map's content with a frame of one background pixel,
 * so that no neighbour needs a bounds check.
 */

import { contentOf, type PaddedSize } from '../size.ts';

interface LabelImage {
  /** (width + 2) x (height + 2), row-major; grown when it is too small. */
  labels: Int8Array;
}

/** From one byte per pixel of the map; everything but 0 is foreground. */
export function frameMask(mask: Uint8Array, map: PaddedSize, image: LabelImage): void {
  const { width, height } = contentOf(map);
  const labels = clearLabels(image, width, height);
  for (let y = 0; y < height; y++) {
    const row = (y + 1) * (width + 2) + 1;
    let from = y * map.width;
    for (let x = 0; x < width; x++) labels[row + x] = mask[from++] === 0 ? 0 : 1;
  }
}

/** From one bit per pixel of the map: rows of `ceil(width / 32)` words, least significant bit first. */
export function frameBits(bits: Uint32Array, map: PaddedSize, image: LabelImage): void {
  const { width, height } = contentOf(map);
  const labels = clearLabels(image, width, height);
  const stride = Math.ceil(map.width / 32);
  const words = Math.ceil(width / 32);
  for (let y = 0; y < height; y++) {
    const row = (y + 1) * (width + 2) + 1;
    for (let w = 0; w < words; w++) {
      // Most words of a map are empty.
      let word = bits[y * stride + w];
      for (let x = 32 * w; word !== 0 && x < width; x++) {
        labels[row + x] = word & 1;
        word >>>= 1;
      }
    }
  }
}

/** From probabilities: foreground is what is above the threshold (strictly). */
export function frameThreshold(
  data: Float32Array,
  threshold: number,
  map: PaddedSize,
  image: LabelImage,
): void {
  const { width, height } = contentOf(map);
  const labels = clearLabels(image, width, height);
  for (let y = 0; y < height; y++) {
    const row = (y + 1) * (width + 2) + 1;
    let from = y * map.width;
    for (let x = 0; x < width; x++) labels[row + x] = data[from++] > threshold ? 1 : 0;
  }
}

function clearLabels(image: LabelImage, width: number, height: number): Int8Array {
  const length = (width + 2) * (height + 2);
  if (image.labels.length < length) image.labels = new Int8Array(length);
  else image.labels.fill(0, 0, length);
  return image.labels;
}
