/** @file Masks and contours as tests like to write and compare them. */

import type { Contours } from '../../src/postprocess/contours.ts';

export interface Mask {
  mask: Uint8Array;
  width: number;
  height: number;
}

/** A mask from a picture: one line per row, `#` is foreground. */
export function draw(picture: string): Mask {
  const rows = picture.trim().split(/\s+/);
  const width = rows[0].length;
  const mask = Uint8Array.from(rows.join(''), (char) => (char === '#' ? 1 : 0));
  return { mask, width, height: rows.length };
}

/** A random mask in which each pixel is foreground with the given probability. */
export function randomMask(random: () => number, width: number, height: number, density: number): Mask {
  const mask = Uint8Array.from({ length: width * height }, () => (random() < density ? 1 : 0));
  return { mask, width, height };
}

/** Contour `i` as x0, y0, x1, y1, ... */
export function contourAt({ points, starts }: Contours, i: number): Int32Array {
  return points.slice(2 * starts[i], 2 * starts[i + 1]);
}

/** All contours, each as `x,y x,y ...`. */
export function contourTexts(contours: Contours): string[] {
  return Array.from({ length: contours.count }, (_, i) => pairText(contourAt(contours, i)));
}

/** x0, y0, x1, y1, ... as `x0,y0 x1,y1 ...`. */
export function pairText(flat: ArrayLike<number>): string {
  return Array.from({ length: flat.length / 2 }, (_, i) => `${flat[2 * i]},${flat[2 * i + 1]}`).join(' ');
}

/** The reverse of `pairText`. */
export function parsePairs(text: string): Int32Array {
  return Int32Array.from(text.split(/[ ,]/), Number);
}
