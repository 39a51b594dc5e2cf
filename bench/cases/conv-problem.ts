/** @file A convolution as a task: random inputs, and the result in f64 by the textbook's formula. */

import { type Conv2d, type ConvSource, classCount, upsampleClasses } from '../../src/kernels/conv2d-shape.ts';
import { packConvWeights } from '../../src/kernels/conv2d-weights.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { type Expected, type NumbersReference, type Reference, sumTolerance } from './case.ts';
import { randomTensor, type Stored, seededRandom, stored } from './numbers.ts';

type Values = Float32Array<ArrayBuffer>;

export interface ConvProblem {
  conv: Conv2d;
  precision: Precision;
  /** Each `[height, width, channels]`; channels that carry no data are 0. */
  sources: readonly Values[];
  /** For each source `[out, in, kernel, kernel]`, PyTorch's layout. */
  weights: readonly Values[];
  /** `[out]`, or empty. */
  bias: Values;
  residuals: readonly Values[];
}

/** A convolution with random inputs, the same for the same shape. */
export function convProblem(conv: Conv2d, precision: Precision): ConvProblem {
  const random = seededRandom(1);
  const outputs = conv.outHeight * conv.outWidth * conv.outChannels;
  return {
    conv,
    precision,
    sources: conv.sources.map((source) => {
      const values = randomTensor(source.height * source.width * source.channels, random, precision);
      const { channels, usedChannels = channels } = source;
      if (usedChannels < channels) {
        for (let i = 0; i < values.length; i++) if (i % channels >= usedChannels) values[i] = 0;
      }
      return values;
    }),
    weights: conv.sources.map(({ kernel, channels, usedChannels = channels }) =>
      randomTensor(conv.outChannels * usedChannels * kernel * kernel, random, precision),
    ),
    bias: randomTensor(conv.bias ? conv.outChannels : 0, random, 'f32'),
    residuals: conv.residuals.map((residual) => {
      if (residual.kind === 'same') return randomTensor(outputs, random, precision);
      const planes = residual.kind === 'classes' ? upsampleClasses(residual.scale).length ** 2 : 1;
      return randomTensor((outputs / residual.scale ** 2) * planes, random, precision);
    }),
  };
}

/**
 * What the bindings of a convolution kernel hold, by name: `source0`, `source1`, ...; `weights`, packed as `conv2d`
 * wants them, and `weights_oihw0`, ... in PyTorch's layout; `bias` (f32); `residual0`, ...
 */
export function convData(problem: ConvProblem): Record<string, Stored> {
  const { conv, precision, sources, weights, bias, residuals } = problem;
  const numbered = (name: string, tensors: readonly Values[]) =>
    tensors.map((values, i) => [`${name}${i}`, stored(values, precision)] as const);
  return Object.fromEntries([
    ...numbered('source', sources),
    ['weights', stored(packConvWeights(conv, weights), precision)],
    ...numbered('weights_oihw', weights),
    ['bias', bias],
    ...numbered('residual', residuals),
  ]);
}

/** The result, element by element. For class images by way of the upsampled tensor itself, not of the identity. */
export function convReference(problem: ConvProblem): Reference & { outputs: { output: NumbersReference } } {
  const { conv, precision } = problem;
  const { outHeight, outWidth, outChannels } = conv;
  const count = classCount(conv) * outHeight * outWidth * outChannels;
  const at = (index: number): Expected => {
    const channel = index % outChannels;
    const pixel = Math.floor(index / outChannels);
    const [y, x] = [Math.floor(pixel / outWidth) % outHeight, pixel % outWidth];
    return conv.upsampledBy
      ? classAt(problem, conv.upsampledBy, Math.floor(pixel / (outHeight * outWidth)), y, x, channel)
      : convAt(problem, y, x, channel);
  };
  return { outputs: { output: { count, precision, at } }, tolerance: sumTolerance[precision] };
}

/** One output of an ordinary convolution, before what the epilogue does, is the sum over all sources. */
function convAt(problem: ConvProblem, y: number, x: number, channel: number): Expected {
  const { conv } = problem;
  const sum = { value: 0, scale: 0 };
  conv.sources.forEach((source, i) => {
    const { stride, padding } = source;
    addWindow(sum, problem, i, y * stride - padding, x * stride - padding, channel, 1);
  });
  return epilogue(problem, sum, y, x, channel);
}

/** One output of a class image: the 3x3 convolution of the upsampled source, at one of the pixels it stands for. */
function classAt(
  problem: ConvProblem,
  scale: number,
  plane: number,
  y: number,
  x: number,
  channel: number,
): Expected {
  const classes = upsampleClasses(scale).length;
  const offset = (index: number) => (index === classes - 1 ? scale - 1 : index);
  const top = y * scale + offset(Math.floor(plane / classes)) - 1;
  const left = x * scale + offset(plane % classes) - 1;
  const sum = { value: 0, scale: 0 };
  addWindow(sum, problem, 0, top, left, channel, scale);
  return sum;
}

/** Adds the products of one window of source `index`, seen upsampled by `scale`. */
function addWindow(
  sum: Expected,
  { conv, sources, weights }: ConvProblem,
  index: number,
  top: number,
  left: number,
  channel: number,
  scale: number,
): void {
  const { height, width, channels, usedChannels = channels, kernel }: ConvSource = conv.sources[index];
  for (let ky = 0; ky < kernel; ky++) {
    for (let kx = 0; kx < kernel; kx++) {
      const row = Math.floor((top + ky) / scale);
      const column = Math.floor((left + kx) / scale);
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      for (let c = 0; c < usedChannels; c++) {
        const weight = weights[index][((channel * usedChannels + c) * kernel + ky) * kernel + kx];
        const product = sources[index][(row * width + column) * channels + c] * weight;
        sum.value += product;
        sum.scale += Math.abs(product);
      }
    }
  }
}

function epilogue(problem: ConvProblem, sum: Expected, y: number, x: number, channel: number): Expected {
  const { conv, bias, residuals } = problem;
  const { outHeight, outWidth, outChannels } = conv;
  const terms = conv.bias ? [bias[channel]] : [];
  conv.residuals.forEach((residual, i) => {
    const scale = residual.kind === 'same' ? 1 : residual.scale;
    const [height, width] = [outHeight / scale, outWidth / scale];
    let plane = 0;
    if (residual.kind === 'classes') {
      const classes = upsampleClasses(scale).length;
      const classOf = (side: number) =>
        side % scale === 0 ? 0 : side % scale === scale - 1 ? classes - 1 : 1;
      plane = classOf(y) * classes + classOf(x);
    }
    const pixel = (plane * height + Math.floor(y / scale)) * width + Math.floor(x / scale);
    terms.push(residuals[i][pixel * outChannels + channel]);
  });
  let { value, scale } = sum;
  for (const term of terms) {
    value += term;
    scale += Math.abs(term);
  }
  return { value: conv.relu ? Math.max(value, 0) : value, scale };
}
