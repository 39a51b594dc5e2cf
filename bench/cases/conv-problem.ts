/** @file A convolution as a task: random inputs, and the result in f64 by the textbook's formula. */

import { type Conv2d, type ConvSource, packBias, packConvWeights } from '../../src/kernels/conv2d.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import { vectorsOf } from '../../src/kernels/kernel.ts';
import { upsampleClasses } from '../../src/kernels/upsample-classes.ts';
import { packUpsampledConvWeights, type UpsampledConv2d } from '../../src/kernels/upsampled-conv2d.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { type Expected, type NumbersReference, type Reference, sumTolerance } from './case.ts';
import { randomTensor, type Stored, seededRandom, stored } from './numbers.ts';

/** The products of Winograd's filtering have a task of their own. */
export type PlainConvolution = Conv2d | UpsampledConv2d;

type Values = Float32Array<ArrayBuffer>;

export interface ConvProblem {
  conv: PlainConvolution;
  /** The same convolution; where it is upsampled that of the source at its own resolution. */
  form: Conv2d;
  precision: Precision;
  /** Each `[height, width, channels]`; channels that carry no data are 0. */
  sources: readonly Values[];
  /** For each source `[out, in, kernel, kernel]`, PyTorch's layout. */
  weights: readonly Values[];
  /** `[out]`, or empty. */
  bias: Values;
  residuals: readonly Values[];
}

/** The convolution as one of plain sources. */
function formOf(conv: PlainConvolution): Conv2d {
  if ('sources' in conv) return conv;
  const { label, height, width, channels, outChannels } = conv;
  return {
    label,
    sources: [{ height, width, channels, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
    ...{ outHeight: height, outWidth: width, outChannels, bias: false, residuals: [], activation: 'none' },
  };
}

/** A convolution with random inputs, the same for the same shape. */
export function convProblem(plain: PlainConvolution, precision: Precision): ConvProblem {
  const conv = formOf(plain);
  const random = seededRandom(1);
  const outputs = conv.outHeight * conv.outWidth * conv.outChannels;
  return {
    conv: plain,
    form: conv,
    precision,
    sources: conv.sources.map((source) => {
      const { height, width, channels } = source;
      const stored = 4 * vectorsOf(channels);
      const values = randomTensor(height * width * stored, random, precision);
      for (let i = 0; i < values.length; i++) if (i % stored >= channels) values[i] = 0;
      return values;
    }),
    weights: conv.sources.map(({ kernel, channels }) =>
      randomTensor(conv.outChannels * channels * kernel * kernel, random, precision),
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
  const packed =
    'sources' in conv ? packConvWeights(conv, weights) : packUpsampledConvWeights(conv, weights[0]);
  const numbered = (name: string, tensors: readonly Values[]) =>
    tensors.map((values, i) => [`${name}${i}`, stored(values, precision)] as const);
  return Object.fromEntries([
    ...numbered('source', sources),
    ['weights', stored(packed, precision)],
    ...numbered('weights_oihw', weights),
    ['bias', packBias(bias)],
    ...numbered('residual', residuals),
  ]);
}

/** The result, element by element. For class images by way of the upsampled tensor itself, not of the identity. */
export function convReference(problem: ConvProblem): Reference & { outputs: { output: NumbersReference } } {
  const { conv, form, precision } = problem;
  const { outHeight, outWidth, outChannels } = form;
  const count = gemmOf(conv).planes * outHeight * outWidth * outChannels;
  const at = (index: number): Expected => {
    const channel = index % outChannels;
    const pixel = Math.floor(index / outChannels);
    const [y, x] = [Math.floor(pixel / outWidth) % outHeight, pixel % outWidth];
    return 'scale' in conv
      ? classAt(problem, conv.scale, Math.floor(pixel / (outHeight * outWidth)), y, x, channel)
      : convAt(problem, y, x, channel);
  };
  return { outputs: { output: { count, precision, at } }, tolerance: sumTolerance[precision] };
}

/** One output of an ordinary convolution, before what the epilogue does, is the sum over all sources. */
function convAt(problem: ConvProblem, y: number, x: number, channel: number): Expected {
  const { form: conv } = problem;
  const sum = { value: 0, scale: 0 };
  conv.sources.forEach((source, i) => {
    const { stride, padding } = source;
    addWindow(sum, problem, i, y * stride - padding.top, x * stride - padding.left, channel, 1);
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
  { form, sources, weights }: ConvProblem,
  index: number,
  top: number,
  left: number,
  channel: number,
  scale: number,
): void {
  const { height, width, channels, kernel }: ConvSource = form.sources[index];
  const stored = 4 * vectorsOf(channels);
  for (let ky = 0; ky < kernel; ky++) {
    for (let kx = 0; kx < kernel; kx++) {
      const row = Math.floor((top + ky) / scale);
      const column = Math.floor((left + kx) / scale);
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      for (let c = 0; c < channels; c++) {
        const weight = weights[index][((channel * channels + c) * kernel + ky) * kernel + kx];
        const product = sources[index][(row * width + column) * stored + c] * weight;
        sum.value += product;
        sum.scale += Math.abs(product);
      }
    }
  }
}

function epilogue(problem: ConvProblem, sum: Expected, y: number, x: number, channel: number): Expected {
  const { form: conv, bias, residuals } = problem;
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
  return { value: conv.activation === 'relu' ? Math.max(value, 0) : value, scale };
}
