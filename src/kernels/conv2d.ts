/**
 * @file Convolution over any number of sources, which are summed over, each with a window of its own. The epilogue adds
 * the bias and residuals and applies the activation and what follows it. Layout NHWC, channels in whole vec4s of which those that are left
 * over are zero.
 */

import type { Epilogue } from './conv2d-epilogue.ts';
import { convKernel, type TileOptions } from './conv2d-kernel.ts';
import { type Kernel, vectorsOf } from './kernel.ts';
import type { Gemm, LoopSource } from './tile-loop.ts';

/** One input tensor `[height, width, channels]` and the window that slides over it. */
export interface ConvSource {
  height: number;
  width: number;
  channels: number;
  /** Side of the square window. */
  kernel: number;
  stride: number;
  /** Zeros above and left of the source; how many follow below and right, the output's size says. */
  padding: { top: number; left: number };
  /**
   * 2: the source is meant with a zero between its pixels: a transposed convolution, the gradient of one with this
   * stride. Default: 1.
   */
  fractionalStride?: 1 | 2;
}

export interface Conv2d extends Epilogue {
  label: string;
  sources: readonly ConvSource[];
  /** So many images, one after the other in sources, residuals (`same` only) and output (the N of NHWC). */
  batch?: number;
}

/** The product that tiles of {@link conv2d} cut. */
export const conv2dGemm = ({ sources, outHeight, outWidth, outChannels, batch = 1 }: Conv2d): Gemm => ({
  pixels: outHeight * outWidth,
  outChannels: 4 * vectorsOf(outChannels),
  channels: sources.map(({ channels }) => 4 * vectorsOf(channels)),
  planes: batch,
});

/** Multiply-adds of {@link conv2d}. */
export const conv2dMultiplyAdds = ({
  sources,
  outHeight,
  outWidth,
  outChannels,
  batch = 1,
}: Conv2d): number =>
  batch *
  outHeight *
  outWidth *
  outChannels *
  sources.reduce((sum, { kernel, channels }) => sum + kernel ** 2 * channels, 0);

/**
 * A convolution. Bindings: `source0`, ..., `weights` ({@link packConvWeights}), `bias` if any ({@link packBias}),
 * `factors` if any (`channelGate`), `residual0`, ..., `output`; elements `vec4` of `precision`, bias and factors always f32.
 *
 * @example
 * const { code, bindings, dispatch } = conv2d({
 *   label: 'conv 3x3',
 *   sources: [{ height: 160, width: 160, channels: 64, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
 *   outHeight: 160,
 *   outWidth: 160,
 *   outChannels: 64,
 *   bias: true,
 *   residuals: [],
 *   activation: 'relu',
 * }, { precision: 'f32', tile: { kind: 'direct', pixels: 4, channels: 4 } });
 */
export function conv2d(conv: Conv2d, options: TileOptions): Kernel {
  const { sources, batch } = conv;
  return convKernel(
    {
      ...conv,
      sources: sources.map((source, index) =>
        loopSource(source, sources.slice(0, index), batch !== undefined),
      ),
      planes: batch === undefined ? undefined : { name: 'image', count: batch },
      weightRows: weightRows(conv),
      multiplyAdds: conv2dMultiplyAdds(conv),
    },
    options,
  );
}

/** A source whose weights follow those of the sources before it. */
function loopSource(source: ConvSource, before: readonly ConvSource[], planar: boolean): LoopSource {
  const { kernel, padding } = source;
  return {
    ...source,
    taps: kernel * kernel,
    kernelHeight: kernel,
    kernelWidth: kernel,
    ...padding,
    weightStart:
      before
        .map(({ kernel }, i) => `${4 * kernel * kernel}u * shape.vectors${i} * shape.out_vectors`)
        .join(' + ') || '0u',
    planar,
  };
}

/** Rows of the weights' matrix: what one output sums over. */
const weightRows = ({ sources }: Pick<Conv2d, 'sources'>): number =>
  sources.reduce((sum, { kernel, channels }) => sum + kernel ** 2 * 4 * vectorsOf(channels), 0);

/**
 * Packs weights `[out, in, kernel, kernel]`, one array per source, into the matrix of {@link conv2d}: rows source,
 * kernel row, kernel column, input channel, columns output channels, both padded with zeros to whole vec4s.
 * @param scales for each source factors `[out]` of its weights, if any.
 *
 * @example
 * const weights = packConvWeights(
 *   { sources: [{ height: 160, width: 160, channels: 64, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }], outChannels: 64 },
 *   [new Float32Array(64 * 64 * 9)],
 * );
 */
export function packConvWeights(
  conv: Pick<Conv2d, 'sources' | 'outChannels'>,
  weights: readonly ArrayLike<number>[],
  scales: readonly (ArrayLike<number> | undefined)[] = [],
): Float32Array<ArrayBuffer> {
  const { sources, outChannels } = conv;
  const ones = new Float64Array(outChannels).fill(1);
  const columns = 4 * vectorsOf(outChannels);
  const packed = new Float32Array(weightRows(conv) * columns);
  let start = 0;
  sources.forEach(({ kernel, channels }, index) => {
    const area = kernel * kernel;
    const block = 4 * vectorsOf(channels) * columns;
    transpose(
      weights[index],
      scales[index] ?? ones,
      channels * area,
      (row) => {
        const channel = Math.floor(row / area);
        return start + (row - channel * area) * block + channel * columns;
      },
      packed,
    );
    start += area * block;
  });
  return packed;
}

/** Columns that are taken together: what fills a cache line is written at once, and read in so many streams. */
const columnsAtOnce = 16;

/**
 * Transposes a matrix `[columns, rows]`.
 * @param scale a factor for each column.
 * @param startOf where in `to` a row begins.
 */
function transpose(
  from: ArrayLike<number>,
  scale: ArrayLike<number>,
  rows: number,
  startOf: (row: number) => number,
  to: Float32Array,
): void {
  const columns = scale.length;
  for (let first = 0; first < columns; first += columnsAtOnce) {
    const end = Math.min(first + columnsAtOnce, columns);
    for (let row = 0; row < rows; row++) {
      const start = startOf(row);
      for (let column = first, at = first * rows + row; column < end; column++, at += rows) {
        to[start + column] = from[at] * scale[column];
      }
    }
  }
}

/**
 * A bias as the kernels bind it: padded with zeros to whole vec4s.
 *
 * @example
 * const bias = packBias(new Float32Array(64));
 */
export function packBias(bias: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(4 * vectorsOf(bias.length));
  packed.set(bias);
  return packed;
}
