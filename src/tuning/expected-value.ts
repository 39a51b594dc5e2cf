/**
 * @file Outputs of a convolution by its definition, one at a time, in f64, on the made-up numbers that tuning uses.
 * Independent of the shaders, so that it can judge them.
 */

import type { Conv2d } from '../kernels/conv2d.ts';
import { type Convolution, gemmOf } from '../kernels/convolution.ts';
import { vectorsOf } from '../kernels/kernel.ts';
import { upsampleClasses } from '../kernels/upsample-classes.ts';

/** The number at an index of a binding (`source0`, `weights`, `bias`, `residual0`, ...). */
export type NumberAt = (binding: string, index: number) => number;

/** A window on one source: how many taps it has, where the first lies, and which row of the weights it has. */
interface SourceWindow {
  index: number;
  /** Of the source. */
  plane: number;
  rows: number;
  columns: number;
  top: number;
  left: number;
  weightRow: number;
}

/** Element `index` of the output `[plane, height, width, channel]`. */
export function expectedValue(conv: Convolution, index: number, numberAt: NumberAt): number {
  const { pixels, outChannels } = gemmOf(conv);
  const outWidth = 'sources' in conv ? conv.outWidth : conv.width;
  const channel = index % outChannels;
  const x = Math.floor(index / outChannels) % outWidth;
  const y = Math.floor(((index / outChannels) % pixels) / outWidth);
  const plane = Math.floor(index / (outChannels * pixels));
  let sum = 0;
  for (const window of windows(conv, plane, y, x)) sum += windowSum(conv, window, channel, numberAt);
  if (!('sources' in conv)) return sum;
  if (conv.bias) sum += numberAt('bias', channel);
  conv.residuals.forEach((_, i) => {
    sum += numberAt(`residual${i}`, residualIndex(conv, i, y, x, channel));
  });
  return conv.activation === 'relu' ? Math.max(sum, 0) : sum;
}

function windows(conv: Convolution, plane: number, y: number, x: number): SourceWindow[] {
  let weightRow = 0;
  if ('sources' in conv) {
    return conv.sources.map(({ kernel, channels, stride, padding }, index) => {
      const window = {
        index,
        plane: 0,
        rows: kernel,
        columns: kernel,
        top: y * stride - padding.top,
        left: x * stride - padding.left,
        weightRow,
      };
      weightRow += kernel * kernel * 4 * vectorsOf(channels);
      return window;
    });
  }
  const stored = 4 * vectorsOf(conv.channels);
  if ('planes' in conv) {
    return [{ index: 0, plane, rows: 1, columns: 1, top: y, left: x, weightRow: plane * stored }];
  }
  // The classes' weights follow one another.
  const classes = upsampleClasses(conv.scale);
  const pairs = classes.flatMap((vertical) => classes.map((horizontal) => ({ vertical, horizontal })));
  for (const { vertical, horizontal } of pairs.slice(0, plane)) {
    weightRow += vertical.taps.length * horizontal.taps.length * stored;
  }
  const { vertical, horizontal } = pairs[plane];
  return [
    {
      index: 0,
      plane: 0,
      rows: vertical.taps.length,
      columns: horizontal.taps.length,
      top: y - vertical.padding,
      left: x - horizontal.padding,
      weightRow,
    },
  ];
}

function windowSum(conv: Convolution, window: SourceWindow, channel: number, numberAt: NumberAt): number {
  const { height, width, channels } = 'sources' in conv ? conv.sources[window.index] : conv;
  const stored = 4 * vectorsOf(channels);
  const columns = 4 * vectorsOf(conv.outChannels);
  let sum = 0;
  for (let tap = 0; tap < window.rows * window.columns; tap++) {
    const row = window.top + Math.floor(tap / window.columns);
    const column = window.left + (tap % window.columns);
    if (row < 0 || row >= height || column < 0 || column >= width) continue;
    for (let c = 0; c < channels; c++) {
      sum +=
        numberAt(`source${window.index}`, ((window.plane * height + row) * width + column) * stored + c) *
        numberAt('weights', (window.weightRow + tap * stored + c) * columns + channel);
    }
  }
  return sum;
}

/** Where the residual's value for an output stands. */
function residualIndex(conv: Conv2d, index: number, y: number, x: number, channel: number): number {
  const residual = conv.residuals[index];
  const scale = residual.kind === 'same' ? 1 : residual.scale;
  const [height, width] = [conv.outHeight / scale, conv.outWidth / scale];
  let plane = 0;
  if (residual.kind === 'classes') {
    const last = upsampleClasses(scale).length - 1;
    const classOf = (at: number) => (at % scale === 0 ? 0 : at % scale === scale - 1 ? last : 1);
    plane = classOf(y) * (last + 1) + classOf(x);
  }
  const pixel = (plane * height + Math.floor(y / scale)) * width + Math.floor(x / scale);
  return pixel * 4 * vectorsOf(conv.outChannels) + channel;
}
