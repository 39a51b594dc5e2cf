/** @file Max-pooling and the fused stem as tasks: inputs and results in f64. */

import type { Conv2d } from '../../src/kernels/conv2d.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Expected, NumbersReference, Reference } from './case.ts';
import { convData, convProblem, convReference } from './conv-problem.ts';
import { randomTensor, type Stored, seededRandom, stored } from './numbers.ts';

export interface Task {
  data: Record<string, Stored>;
  reference: Reference;
}

/** Pooling 3x3, stride 2, padding 1 of `[height, width, channels]`. */
export function maxPoolTask(height: number, width: number, channels: number, precision: Precision): Task {
  const source = randomTensor(height * width * channels, seededRandom(2), precision);
  const read = (y: number, x: number, channel: number): Expected => {
    const value = source[(y * width + x) * channels + channel];
    return { value, scale: Math.abs(value) };
  };
  const reference = pooled(height, width, channels, precision, read);
  return { data: { source: stored(source, precision) }, reference: { ...reference, tolerance: 0 } };
}

/** The stem's convolution 7x7, stride 2, with bias and ReLU, of an image `[height, width, 4]`, then the pooling. */
export function stemPoolTask(height: number, width: number, outChannels: number, precision: Precision): Task {
  const conv: Conv2d = {
    label: 'stem',
    sources: [{ height, width, channels: 3, kernel: 7, stride: 2, padding: { top: 3, left: 3 } }],
    outHeight: height / 2,
    outWidth: width / 2,
    outChannels,
    bias: true,
    residuals: [],
    activation: 'relu',
  };
  const problem = convProblem(conv, precision);
  const stem = convReference(problem);
  const read = (y: number, x: number, channel: number) =>
    stem.outputs.output.at((y * conv.outWidth + x) * outChannels + channel);
  const { source0, ...data } = convData(problem);
  return {
    data: { ...data, source: source0 },
    reference: {
      ...pooled(height / 2, width / 2, outChannels, precision, read),
      tolerance: stem.tolerance,
    },
  };
}

/** The largest of each window; its scale is the largest one's, or that of what it almost was. */
function pooled(
  height: number,
  width: number,
  channels: number,
  precision: Precision,
  read: (y: number, x: number, channel: number) => Expected,
): { outputs: { output: NumbersReference } } {
  const [outHeight, outWidth] = [height / 2, width / 2];
  const at = (index: number): Expected => {
    const channel = index % channels;
    const x = Math.floor(index / channels) % outWidth;
    const y = Math.floor(index / channels / outWidth);
    const largest = { value: Number.NEGATIVE_INFINITY, scale: 0 };
    for (let row = Math.max(0, 2 * y - 1); row <= Math.min(height - 1, 2 * y + 1); row++) {
      for (let column = Math.max(0, 2 * x - 1); column <= Math.min(width - 1, 2 * x + 1); column++) {
        const { value, scale } = read(row, column, channel);
        largest.value = Math.max(largest.value, value);
        largest.scale = Math.max(largest.scale, scale);
      }
    }
    return largest;
  };
  return { outputs: { output: { count: outHeight * outWidth * channels, precision, at } } };
}
