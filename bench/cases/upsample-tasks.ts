/** @file The FPN's upsampling steps as tasks: inputs and results in f64. */

import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Expected } from './case.ts';
import { randomTensor, seededRandom, stored } from './numbers.ts';
import type { Task } from './pool-tasks.ts';

/** One rounding of a sum of two. */
const additionTolerance: Readonly<Record<Precision, number>> = { f32: 2 ** -23, f16: 2 ** -10 };

/** `lateral[y, x] + top[y / 2, x / 2]`, `[height, width, channels]`. */
export function upsampleAddTask(height: number, width: number, channels: number, precision: Precision): Task {
  const random = seededRandom(3);
  const count = height * width * channels;
  const lateral = randomTensor(count, random, precision);
  const top = randomTensor(count / 4, random, precision);
  const at = (index: number): Expected => {
    const { channel, x, y } = place(index, width, channels);
    const other = top[(Math.floor(y / 2) * (width / 2) + Math.floor(x / 2)) * channels + channel];
    return { value: lateral[index] + other, scale: Math.abs(lateral[index]) + Math.abs(other) };
  };
  return {
    data: { lateral: stored(lateral, precision), top: stored(top, precision) },
    reference: { outputs: { output: { count, precision, at } }, tolerance: additionTolerance[precision] },
  };
}

/** Sources of `channels`, each `scales[i]` times smaller than `[height, width]`, upsampled and concatenated. */
export function upsampleConcatTask(
  height: number,
  width: number,
  channels: number,
  scales: readonly number[],
  precision: Precision,
): Task {
  const random = seededRandom(4);
  const sources = scales.map((scale) =>
    randomTensor((height * width * channels) / scale ** 2, random, precision),
  );
  const all = channels * scales.length;
  const at = (index: number): Expected => {
    const { channel, x, y } = place(index, width, all);
    const source = Math.floor(channel / channels);
    const scale = scales[source];
    const pixel = Math.floor(y / scale) * (width / scale) + Math.floor(x / scale);
    const value = sources[source][pixel * channels + (channel % channels)];
    return { value, scale: Math.abs(value) };
  };
  return {
    data: Object.fromEntries(sources.map((values, i) => [`source${i}`, stored(values, precision)])),
    reference: { outputs: { output: { count: height * width * all, precision, at } }, tolerance: 0 },
  };
}

function place(index: number, width: number, channels: number): { channel: number; x: number; y: number } {
  const pixel = Math.floor(index / channels);
  return { channel: index % channels, x: pixel % width, y: Math.floor(pixel / width) };
}
