/** @file The form of kernel that makes the network's input of pixels, and what it must give. */

import type { Graph } from '../graph/graph.ts';
import type { KernelChoice, PlanStep } from '../graph/operation.ts';
import { externals, type PlanInput, type plan as planOf } from '../graph/plan.ts';
import { resizeTable } from '../kernels/preprocess.ts';
import { smallSize } from './forms.ts';
import { numbers } from './numbers.ts';

/** An image that is made larger in one direction and smaller in the other. */
const size = { width: 40, height: 76 };

/** Pixels of the image: as many channels as the kernel reads, RGBA of a texture. */
export interface SmallImage {
  step: PlanStep;
  width: number;
  height: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** What is bound beside the pixels. */
  table: Uint32Array<ArrayBuffer>;
  /** What the kernel writes, `[height, width, 3]`. */
  expected: () => Float64Array;
}

/** Undefined for a video's frames, which nobody can make up. */
export function smallImage(
  graph: Graph,
  input: PlanInput,
  choice: KernelChoice,
  plan: typeof planOf,
): SmallImage | undefined {
  const { source } = input;
  if (source === 'external') return undefined;
  const channels = source === 'texture' ? 4 : source;
  const nothing = { ...graph, operations: [], outputs: [graph.input] };
  const [step] = plan(nothing, smallSize, input, choice).steps;
  const table = resizeTable(size, smallSize);
  const values = numbers(externals.source, [size.width * size.height * channels]);
  const bytes = Uint8Array.from(values, (value) => 128 + 128 * value);
  return { step, ...size, bytes, table, expected: () => resized(bytes, channels, table, input) };
}

/** By the definition of OpenCV's `resizeLinear`, and in integers as it is: rounding halves is what counts. */
function resized(
  bytes: Uint8Array,
  channels: number,
  table: Uint32Array,
  { channelOrder, mean, std }: PlanInput,
): Float64Array {
  /** A channel of a pixel, over white. */
  const colour = (x: number, y: number, c: number): number => {
    const at = (y * size.width + x) * channels;
    const value = bytes[at + (channels === 1 ? 0 : c)];
    return channels === 4 ? Math.round((value * bytes[at + 3] + 255 * (255 - bytes[at + 3])) / 255) : value;
  };
  return new Float64Array(smallSize.width * smallSize.height * 3).map((_, i) => {
    const pixel = Math.floor(i / 3);
    const c = channelOrder === 'rgb' ? i % 3 : 2 - (i % 3);
    const [x, y] = [1 + (pixel % smallSize.width), 1 + smallSize.width + Math.floor(pixel / smallSize.width)];
    const [columns, right] = [table[2 * x], table[2 * x + 1]];
    const [rows, below] = [table[2 * y], table[2 * y + 1]];
    const across = (row: number) =>
      Math.floor(
        (colour(columns & 65535, row, c) * (2048 - right) + colour(columns >>> 16, row, c) * right) / 16,
      );
    const upper = Math.floor((across(rows & 65535) * (2048 - below)) / 65536);
    const lower = Math.floor((across(rows >>> 16) * below) / 65536);
    return (Math.floor((upper + lower + 2) / 4) - mean[i % 3]) / std[i % 3];
  });
}
