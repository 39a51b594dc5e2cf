/** @file P, T and B on a line through a word. Pure. */

import { labelMapDefaults, labelMaps } from 'dbnet-webgpu/labels';
import { differentiable } from './binarization.ts';

/** A word on its picture, pixels. */
export const word = { left: 80, top: 40, right: 240, bottom: 80, width: 320, height: 120 } as const;

const sides = { width: word.right - word.left, height: word.bottom - word.top };

/** D = A (1 - r^2) / L, paper eq. 10. */
export const reach =
  (sides.width * sides.height * (1 - labelMapDefaults.shrinkRatio ** 2)) / (2 * (sides.width + sides.height));

/** How far the line runs from the word's middle, pixels. */
export const half = word.width / 2;

/** What the line is crossed by, in pixels from the word's middle. */
export const places = {
  centre: 0,
  shrunk: sides.width / 2 - reach,
  edge: sides.width / 2,
  outside: 110,
} as const;

const threshold = (() => {
  const { left, top, right, bottom, width, height } = word;
  const points: [number, number][] = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  const maps = labelMaps([{ points }], { width: width + 1, height });
  const row = (top + bottom) / 2;
  return maps.threshold.subarray(row * (width + 1), (row + 1) * (width + 1));
})();

/** The library's threshold target, between pixels by straight lines. `at`: pixels from the word's middle. */
export function thresholdAt(at: number): number {
  const x = Math.min(word.width, Math.max(0, at + half));
  const i = Math.min(word.width - 1, Math.floor(x));
  return threshold[i] + (x - i) * (threshold[i + 1] - threshold[i]);
}

/**
 * P as a network gives it: its target is 1 inside of the shrunk outline and 0 outside, which is met by a rise of some
 * width.
 * @param blur pixels in which P falls from 0.73 to 0.27; 0 is the target itself
 */
export function probabilityAt(at: number, blur: number): number {
  const inside = places.shrunk - Math.abs(at);
  return blur === 0 ? (inside >= 0 ? 1 : 0) : differentiable(inside, 2 / blur);
}

/** All three maps at a place. */
export function mapsAt(at: number, blur: number, k: number): { P: number; T: number; B: number } {
  const P = probabilityAt(at, blur);
  const T = thresholdAt(at);
  return { P, T, B: differentiable(P - T, k) };
}
