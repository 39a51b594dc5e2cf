/** @file What the loops over tiles walk through (`conv2d-direct.ts`, `conv2d-quad.ts`, `conv2d-workgroup.ts`), whatever convolution it is. */

import type { Epilogue, Planes } from './conv2d-epilogue.ts';
import type { UniformValues } from './kernel.ts';
import type { Precision } from './wgsl.ts';

/** The product that tiles cut: what the choice of one depends on. */
export interface Gemm {
  /** Output pixels of one plane. */
  pixels: number;
  /** Output channels as stored: a multiple of 4. */
  outChannels: number;
  /** Input channels of each source, as stored. */
  channels: readonly number[];
  /** So many products side by side: images, class images, or planes. */
  planes: number;
}

/** A number that the code may state, or a WGSL expression. */
export type Count = number | string;

/** As WGSL. */
export const count = (value: Count): string => (typeof value === 'number' ? `${value}u` : value);

/** One source and how the K loop walks over it. */
export interface LoopSource {
  height: number;
  width: number;
  channels: number;
  stride: Count;
  fractionalStride?: 1 | 2;
  /** WGSL statements before the loop. */
  prologue?: string;
  taps: Count;
  kernelHeight: Count;
  kernelWidth: Count;
  top: Count;
  left: Count;
  /** First row of the weights, in vec4s: a WGSL expression. */
  weightStart: string;
  /** True where every plane has its own part of the source. */
  planar: boolean;
}

/** A convolution, as the loops see it. */
export interface TileLoop extends Epilogue {
  label: string;
  sources: readonly LoopSource[];
  planes?: Planes;
  /** What expressions of the sources read from the uniform. */
  uniforms?: UniformValues;
  /** Rows of all weights together. */
  weightRows: number;
  multiplyAdds: number;
}

/** The planes of products, each with weights of its own. */
export const plane = { name: 'plane', weightStart: 'plane * 4u * shape.vectors0 * shape.out_vectors' };

/** What direct tiles and those of quads read of the uniform for a source. */
export const sourceShape = (index: number): string => `
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height${index};
    let width = shape.width${index};
    let vectors = shape.vectors${index};
    let row_1 = shape.out_vectors;`;

/** The call of the epilogue's `store`. */
export const storeCall = (planes: Planes | undefined, pixel: string, channel: string, sum: string): string =>
  `store(${[pixel, channel, ...(planes ? [planes.name] : []), sum].join(', ')});`;

/** Where a row or column of the window falls in the source, and whether it does: joined by `&`, which is no branch. */
export interface Place {
  index: string;
  inside: string;
}

/**
 * The place of `window` (an expression in u32 that wraps around where it is negative) along an axis with `size` pixels.
 * With bits, since some compilers are very slow at many divisions.
 */
export function place(fractionalStride: 1 | 2, window: string, size: string): Place {
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
