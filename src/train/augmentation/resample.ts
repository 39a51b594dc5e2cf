/** @file Draws a picture through an affine map. */

import { flatten } from '../../input/background.ts';
import type { Rgb } from '../../input/types.ts';
import { type Affine, invert, mapPoint } from './affine.ts';
import { bounds } from './crop-area.ts';

/** Pixels of a picture, row by row: RGB, or RGBA with straight alpha. */
export interface Picture {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 3 | 4;
}

/** What is wanted of the result. */
export interface ResampleOptions {
  /** Sides of the result, pixels. */
  size: number;
  /**
   * Side, in pixels of the picture, of the square that a pixel of the result stands for. From 1.5 on, the picture is
   * first averaged over squares of the nearest whole side.
   */
  footprint: number;
  /** RGB where the result shows nothing of the picture. */
  fill: readonly [number, number, number];
  /** What transparent pixels of the picture are composed over. */
  background: Rgb;
  /** The part of the plane that is shown, in the coordinates of the result; what lies outside is filled. */
  shown: { width: number; height: number };
}

/**
 * The picture seen through a map, bilinear with half-pixel centres: pixel (i, j) has its centre at (i + 0.5, j + 0.5),
 * and the picture covers [0, width] x [0, height]. Pixels at its border reach to the border itself, as in OpenCV's
 * `resize`, so no fill colour bleeds in.
 *
 * @param map from the picture to the result
 * @returns RGBA, `size * size * 4` bytes, alpha 255
 */
export function resample(picture: Picture, map: Affine, options: ResampleOptions): Uint8Array {
  const { size, fill, shown } = options;
  const { width, height } = picture;
  const opaque = flatten(picture, options.background);
  const back = invert(map);
  const factor = Math.max(1, Math.round(options.footprint));
  const source = factor === 1 ? whole(opaque) : reduce(opaque, factor, back, size);
  const { data, channels } = source;
  const stride = source.width * channels;
  const [maxX, maxY] = [source.width - 1, source.height - 1];

  const packedFill = pack(fill[0], fill[1], fill[2]);
  const pixels = new Uint32Array(size * size).fill(packedFill);
  const columns = Math.min(size, shown.width);
  const rows = Math.min(size, shown.height);
  const [a, , , d] = back;
  for (let j = 0; j < rows; j++) {
    let [u, v] = mapPoint(back, [0.5, j + 0.5]);
    for (let i = 0; i < columns; i++, u += a, v += d) {
      if (!(u >= 0 && u <= width && v >= 0 && v <= height)) continue;
      // Coordinates among the centres of the source's pixels.
      let x = u / factor - 0.5 - source.x;
      let y = v / factor - 0.5 - source.y;
      x = x < 0 ? 0 : x > maxX ? maxX : x;
      y = y < 0 ? 0 : y > maxY ? maxY : y;
      const left = Math.floor(x);
      const top = Math.floor(y);
      const fx = x - left;
      const fy = y - top;
      const p = top * stride + left * channels;
      const q = left < maxX ? p + channels : p;
      const below = top < maxY ? stride : 0;
      const w11 = fx * fy;
      const w10 = fx - w11;
      const w01 = fy - w11;
      const w00 = 1 - fx - w01;
      // Half is added, so that pack() rounds.
      const red = w00 * data[p] + w10 * data[q] + w01 * data[p + below] + w11 * data[q + below] + 0.5;
      const green =
        w00 * data[p + 1] + w10 * data[q + 1] + w01 * data[p + below + 1] + w11 * data[q + below + 1] + 0.5;
      const blue =
        w00 * data[p + 2] + w10 * data[q + 2] + w01 * data[p + below + 2] + w11 * data[q + below + 2] + 0.5;
      pixels[j * size + i] = pack(red, green, blue);
    }
  }
  return new Uint8Array(pixels.buffer);
}

/** RGB with alpha 255 as one word; every platform that runs WebGPU is little-endian. */
const pack = (red: number, green: number, blue: number): number =>
  (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;

/** Part of a picture, averaged over squares; `x`, `y` are its place among the squares. */
interface Source {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: number;
  x: number;
  y: number;
}

const whole = (picture: Picture): Source => ({ ...picture, x: 0, y: 0 });

/** Averages `factor` x `factor` squares of as much of the picture as the result shows; border squares may be smaller. */
function reduce(
  { data, width, height, channels }: Picture,
  factor: number,
  back: Affine,
  size: number,
): Source {
  const seen = bounds(
    (
      [
        [0, 0],
        [size, 0],
        [size, size],
        [0, size],
      ] as const
    ).map(([x, y]) => mapPoint(back, [x, y])),
  );
  // One more square on each side for the bilinear weights.
  const from = (low: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(low / factor) - 1));
  const to = (high: number, count: number) => Math.min(count, Math.max(1, Math.ceil(high / factor) + 1));
  const [across, down] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const [x, y] = [from(seen[0], across), from(seen[1], down)];
  const [columns, rows] = [to(seen[2], across) - x, to(seen[3], down) - y];
  const out = new Uint8Array(Math.max(1, columns) * Math.max(1, rows) * 3);
  for (let j = 0; j < rows; j++) {
    const top = (y + j) * factor;
    const bottom = Math.min(height, top + factor);
    for (let i = 0; i < columns; i++) {
      const left = (x + i) * factor;
      const right = Math.min(width, left + factor);
      let [red, green, blue] = [0, 0, 0];
      for (let row = top; row < bottom; row++) {
        let p = (row * width + left) * channels;
        for (let column = left; column < right; column++, p += channels) {
          red += data[p];
          green += data[p + 1];
          blue += data[p + 2];
        }
      }
      const share = 1 / ((right - left) * (bottom - top));
      const p = (j * columns + i) * 3;
      out[p] = red * share + 0.5;
      out[p + 1] = green * share + 0.5;
      out[p + 2] = blue * share + 0.5;
    }
  }
  return { data: out, width: columns, height: rows, channels: 3, x, y };
}
