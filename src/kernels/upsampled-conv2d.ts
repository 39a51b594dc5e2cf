/**
 * @file A 3x3 convolution (stride 1, padding 1) of a nearest-upsampled tensor, computed at the tensor's own resolution:
 * the class images, see `upsample-classes.ts`. A residual of kind `classes` gathers the output from them.
 */

import { convKernel, type TileOptions } from './conv2d-kernel.ts';
import { type Kernel, vectorsOf } from './kernel.ts';
import type { Gemm } from './tile-loop.ts';
import { upsampleClasses } from './upsample-classes.ts';

export interface UpsampledConv2d {
  label: string;
  /** Size of the source and of each class image. */
  height: number;
  width: number;
  channels: number;
  outChannels: number;
  /** By how much the source is meant upsampled. */
  scale: number;
}

/** Taps of all classes together. */
const taps = (scale: number): number =>
  upsampleClasses(scale).reduce((sum, { taps }) => sum + taps.length, 0) ** 2;

/** The product that tiles of {@link upsampledConv2d} cut. */
export const upsampledConv2dGemm = ({
  height,
  width,
  channels,
  outChannels,
  scale,
}: UpsampledConv2d): Gemm => ({
  pixels: height * width,
  outChannels: 4 * vectorsOf(outChannels),
  channels: [4 * vectorsOf(channels)],
  planes: upsampleClasses(scale).length ** 2,
});

/** Multiply-adds of {@link upsampledConv2d}. */
export const upsampledConv2dMultiplyAdds = (conv: UpsampledConv2d): number =>
  conv.height * conv.width * conv.outChannels * conv.channels * taps(conv.scale);

/** What `upsampleClasses` says, of both axes: the first and the last class have two taps, those between one. */
const prologue = `
let classes = shape.classes;
let class_y = class_image / classes;
let class_x = class_image % classes;
let kernel_height = select(1u, 2u, class_y == 0u || class_y == classes - 1u);
let kernel_width = select(1u, 2u, class_x == 0u || class_x == classes - 1u);
let taps = kernel_height * kernel_width;
let padding_y = select(0u, 1u, class_y == 0u);
let padding_x = select(0u, 1u, class_x == 0u);
// All classes of an axis have two taps more than there are classes.
let taps_before = (class_y + min(class_y, 1u)) * (classes + 2u) + kernel_height * (class_x + min(class_x, 1u));
let weight_start = taps_before * 4u * shape.vectors0 * shape.out_vectors;`;

/**
 * Bindings: `source0` `[height, width, channels]`, `weights` ({@link packUpsampledConvWeights}), `output`
 * `[class row, class column, height, width, outChannels]`.
 *
 * @example
 * const { code, bindings, dispatch } = upsampledConv2d({ label: 'up', height: 40, width: 40, channels: 256, outChannels: 64, scale: 2 }, { precision: 'f32', tile: { kind: 'direct', pixels: 4, channels: 4 } });
 */
export function upsampledConv2d(conv: UpsampledConv2d, options: TileOptions): Kernel {
  const { label, height, width, channels, outChannels, scale } = conv;
  const classes = upsampleClasses(scale).length;
  return convKernel(
    {
      label,
      sources: [
        {
          height,
          width,
          channels,
          stride: 1,
          prologue,
          taps: 'taps',
          kernelHeight: 'kernel_height',
          kernelWidth: 'kernel_width',
          top: 'padding_y',
          left: 'padding_x',
          weightStart: 'weight_start',
          planar: false,
        },
      ],
      planes: { name: 'class_image', count: classes ** 2 },
      uniforms: { classes },
      weightRows: taps(scale) * 4 * vectorsOf(channels),
      multiplyAdds: upsampledConv2dMultiplyAdds(conv),
      ...{ outHeight: height, outWidth: width, outChannels, bias: false, residuals: [], activation: 'none' },
    },
    options,
  );
}

/**
 * Packs weights `[out, in, 3, 3]` into the matrix of {@link upsampledConv2d}: rows class, tap, input channel, columns
 * output channels, both padded with zeros to whole vec4s. A tap is the sum, in f64, of those that fall on one pixel.
 *
 * @example
 * const weights = packUpsampledConvWeights({ channels: 256, outChannels: 64, scale: 2 }, new Float32Array(64 * 256 * 9));
 */
export function packUpsampledConvWeights(
  { channels, outChannels, scale }: Pick<UpsampledConv2d, 'channels' | 'outChannels' | 'scale'>,
  weights: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const columns = 4 * vectorsOf(outChannels);
  const rows = 4 * vectorsOf(channels);
  const packed = new Float32Array(taps(scale) * rows * columns);
  const classes = upsampleClasses(scale);
  const summed = classes.flatMap((y) =>
    classes.flatMap((x) =>
      y.taps.flatMap((rows) =>
        x.taps.map((columns) => rows.flatMap((row) => columns.map((column) => row * 3 + column))),
      ),
    ),
  );
  for (const [tap, places] of summed.entries()) {
    for (let channel = 0; channel < channels; channel++) {
      for (let out = 0; out < outChannels; out++) {
        let sum = 0;
        for (const place of places) sum += weights[(out * channels + channel) * 9 + place];
        packed[(tap * rows + channel) * columns + out] = sum;
      }
    }
  }
  return packed;
}
