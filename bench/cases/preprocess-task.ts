/** @file Resize and normalisation as a task: random pixels, and the result by the bilinear formula in f64. */

import { resizeTable } from '../../src/kernels/preprocess.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Expected } from './case.ts';
import { seededRandom } from './numbers.ts';
import type { Task } from './pool-tasks.ts';

interface Size {
  width: number;
  height: number;
}

/** The kernel rounds to whole pixel values, as OpenCV does, so it may be off by about one of 255 steps. */
const tolerance = 1.05;

/** An RGBA image of `from`, composed over white and resized to `to`: `[height, width, 4]`, the fourth channel 0. */
export function preprocessTask(
  from: Size,
  to: Size,
  input: { mean: readonly number[]; std: readonly number[]; channelOrder: 'rgb' | 'bgr' },
  precision: Precision,
): Task {
  const random = seededRandom(6);
  const pixels = Uint8Array.from({ length: from.width * from.height * 4 }, () => 256 * random());
  const pixel = (y: number, x: number, channel: number) => {
    const row = Math.min(Math.max(y, 0), from.height - 1);
    const column = Math.min(Math.max(x, 0), from.width - 1);
    const place = (row * from.width + column) * 4;
    const alpha = pixels[place + 3] / 255;
    return Math.round(pixels[place + channel] * alpha + 255 * (1 - alpha));
  };
  const at = (index: number): Expected => {
    const stored = index % 4;
    if (stored === 3) return { value: 0, scale: 0 };
    const channel = input.channelOrder === 'bgr' ? 2 - stored : stored;
    const x = ((Math.floor(index / 4) % to.width) + 0.5) * (from.width / to.width) - 0.5;
    const y = (Math.floor(index / 4 / to.width) + 0.5) * (from.height / to.height) - 0.5;
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [right, down] = [x - left, y - top];
    const upper = pixel(top, left, channel) * (1 - right) + pixel(top, left + 1, channel) * right;
    const lower = pixel(top + 1, left, channel) * (1 - right) + pixel(top + 1, left + 1, channel) * right;
    const value = (upper * (1 - down) + lower * down - input.mean[stored]) / input.std[stored];
    return { value, scale: 1 / input.std[stored] };
  };
  return {
    data: { source: new Uint32Array(pixels.buffer), resize: resizeTable(from, to) },
    reference: { outputs: { output: { count: to.width * to.height * 4, precision, at } }, tolerance },
  };
}
