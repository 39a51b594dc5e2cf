/**
 * @file The nouns of the convolution: sources, residuals, class images, and how the K loop walks over them.
 * Shared by both forms of the shader (`conv2d-direct.ts`, `conv2d-workgroup.ts`).
 */

import type { Precision } from './wgsl.ts';

/** One input tensor `[height, width, channels]` and the window that slides over it. */
export interface ConvSource {
  height: number;
  width: number;
  /** Channels as stored, a multiple of 4. */
  channels: number;
  /** Channels that carry data; the rest is skipped. Default: all. Only the RGB image (3 of 4) needs it. */
  usedChannels?: number;
  /** Side of the square window. */
  kernel: number;
  stride: number;
  /** Zeros on each side. */
  padding: number;
  /**
   * 2: the source is meant with a zero between its pixels: a transposed convolution, the gradient of one with this
   * stride. Default: 1.
   */
  fractionalStride?: 1 | 2;
}

/**
 * What the epilogue adds to the sums.
 * - `same`: a tensor of the output's shape.
 * - `upsampled`: a tensor `scale` times smaller, nearest-upsampled.
 * - `classes`: the class images that {@link Conv2d.upsampledBy} writes, `scale` times smaller.
 */
export type Residual = { kind: 'same' } | { kind: 'upsampled' | 'classes'; scale: number };

export interface Conv2d {
  label: string;
  sources: readonly ConvSource[];
  outHeight: number;
  outWidth: number;
  /** A multiple of 4. */
  outChannels: number;
  bias: boolean;
  residuals: readonly Residual[];
  relu: boolean;
  /**
   * The 3x3, padding 1, stride 1 convolution is meant for the source nearest-upsampled by this factor, but runs
   * at the source's resolution. The output is `classes x [outHeight, outWidth, outChannels]` with
   * {@link upsampleClasses} classes. Identity: along an axis, an output at the first of the `scale` copies of a
   * pixel sees rows (-1: w0, 0: w1 + w2), at the last (0: w0 + w1, +1: w2), between them (0: w0 + w1 + w2).
   */
  upsampledBy?: number;
  /**
   * So many products of matrices at once: source and output have this many planes, each with weights of its own (one
   * source, 1x1). What Winograd's filtering needs between its transforms.
   */
  planes?: number;
  /** So many images, one after the other in sources, residuals (`same` only) and output; the weights are shared. */
  batch?: number;
}

/** One class of output position along an axis of an upsampled source: its taps and where the first one lies. */
export interface UpsampleClass {
  /** For each tap, the taps of the 3-tap kernel that fall on the same source pixel. */
  taps: readonly (readonly number[])[];
  padding: 0 | 1;
}

/** Classes along one axis, in the order in which the class images are stored. */
export function upsampleClasses(scale: number): readonly UpsampleClass[] {
  const first: UpsampleClass = { taps: [[0], [1, 2]], padding: 1 };
  const between: UpsampleClass = { taps: [[0, 1, 2]], padding: 0 };
  const last: UpsampleClass = { taps: [[0, 1], [2]], padding: 0 };
  return scale === 2 ? [first, last] : [first, between, last];
}

/** Rows K of the weight matrix: what one output sums over (for class images: all classes together). */
export function weightRows(conv: Conv2d): number {
  if (conv.upsampledBy) {
    const taps = upsampleClasses(conv.upsampledBy).reduce((sum, { taps }) => sum + taps.length, 0);
    return taps * taps * conv.sources[0].channels;
  }
  const rows = conv.sources.reduce((sum, { kernel, channels }) => sum + kernel * kernel * channels, 0);
  return rows * (conv.planes ?? 1);
}

/** Multiply-adds that are executed, without those on channels that carry no data. */
export function multiplyAdds(conv: Conv2d): number {
  const pixels = conv.outHeight * conv.outWidth;
  if (conv.upsampledBy || conv.planes) return pixels * weightRows(conv) * conv.outChannels;
  const rows = conv.sources.reduce(
    (sum, { kernel, channels, usedChannels = channels }) => sum + kernel * kernel * usedChannels,
    0,
  );
  return pixels * rows * conv.outChannels * (conv.batch ?? 1);
}

/** Planes of the output: images of a batch, or 4 or 9 class images for a convolution on an upsampled source, or 1. */
export function classCount(conv: Conv2d): number {
  const planes = conv.planes ?? conv.batch;
  if (planes !== undefined) return planes;
  return conv.upsampledBy ? upsampleClasses(conv.upsampledBy).length ** 2 : 1;
}

/** How the K loop walks over one source: WGSL expressions, constants unless the class decides. */
export interface Walk {
  /** Statements that come before. */
  prologue: string;
  taps: string;
  kernelHeight: string;
  kernelWidth: string;
  paddingY: string;
  paddingX: string;
  /** First row of the weight matrix, in vec4 elements. */
  weightStart: string;
  /** What is added to the address of a pixel: where the source has planes, theirs. */
  sourceStart: string;
}

/** The walk over source `index`; in class images it depends on the class, `plane`. */
export function walk(conv: Conv2d, index: number): Walk {
  const source = conv.sources[index];
  if (!conv.upsampledBy) {
    const before = conv.sources
      .slice(0, index)
      .map(({ kernel }, i) => `${4 * kernel * kernel}u * shape.vectors${i} * shape.out_vectors`);
    return {
      prologue: '',
      taps: `${source.kernel * source.kernel}u`,
      kernelHeight: `${source.kernel}u`,
      kernelWidth: `${source.kernel}u`,
      paddingY: `${source.padding}u`,
      paddingX: `${source.padding}u`,
      weightStart: conv.planes
        ? 'plane * 4u * shape.vectors0 * shape.out_vectors'
        : before.join(' + ') || '0u',
      sourceStart: conv.planes || conv.batch ? 'plane * height * width * vectors + ' : '',
    };
  }
  const classes = upsampleClasses(conv.upsampledBy);
  const n = classes.length;
  const table = (values: number[]) =>
    `array<u32, ${values.length}>(${values.map((v) => `${v}u`).join(', ')})`;
  const starts: number[] = [];
  let taps = 0;
  for (const y of classes) {
    for (const x of classes) {
      starts.push(taps);
      taps += y.taps.length * x.taps.length;
    }
  }
  return {
    prologue: `
  var taps_of_class = ${table(classes.map(({ taps }) => taps.length))};
  var padding_of_class = ${table(classes.map(({ padding }) => padding))};
  var start_of_class = ${table(starts)};
  let kernel_width = taps_of_class[plane % ${n}u];
  let kernel_height = taps_of_class[plane / ${n}u];
  let taps = kernel_height * kernel_width;
  let padding_y = padding_of_class[plane / ${n}u];
  let padding_x = padding_of_class[plane % ${n}u];
  let weight_start = start_of_class[plane] * 4u * shape.vectors0 * shape.out_vectors;`,
    taps: 'taps',
    kernelHeight: 'kernel_height',
    kernelWidth: 'kernel_width',
    paddingY: 'padding_y',
    paddingX: 'padding_x',
    weightStart: 'weight_start',
    sourceStart: '',
  };
}

/** Where a row or column of the window falls in the source, and whether it does: joined by `&`, which is no branch. */
export interface Place {
  index: string;
  inside: string;
}

/**
 * The place of `window` (an expression in u32 that wraps around where it is negative) along an axis with `size` pixels.
 * With bits, since some compilers are very slow at many divisions.
 */
export function place({ fractionalStride = 1 }: ConvSource, window: string, size: string): Place {
  return fractionalStride === 1
    ? { index: window, inside: `(${window} < ${size})` }
    : { index: `(${window} >> 1u)`, inside: `((${window} & 1u) == 0u) & ((${window} >> 1u) < ${size})` };
}

/**
 * Statements that add `value` (a vec4 of input channels) times rows of weights, `${row}_0`, `${row}_1`, ..., to `sum`.
 * In f16 the products are summed in f16 and the sum is added in f32.
 */
export function multiplyAdd(
  sum: string,
  value: string,
  row: string,
  precision: Precision,
  /** Input channels that carry data. */
  used = 4,
): string {
  const terms = [...'xyzw'].slice(0, used).map((channel, k) => `${value}.${channel} * ${row}_${k}`);
  return precision === 'f16'
    ? `${sum} += vec4<f32>(${terms.join(' + ')});`
    : terms.map((term) => `${sum} += ${term};`).join('\n');
}
