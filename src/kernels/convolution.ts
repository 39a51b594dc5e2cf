/** @file The three kernels of convolutions as one, for what deals with all of them: tile choice, tuning, benchmarks. */

import { type Conv2d, conv2d, conv2dGemm, conv2dMultiplyAdds } from './conv2d.ts';
import type { TileOptions } from './conv2d-kernel.ts';
import type { Kernel } from './kernel.ts';
import type { Gemm } from './tile-loop.ts';
import {
  type UpsampledConv2d,
  upsampledConv2d,
  upsampledConv2dGemm,
  upsampledConv2dMultiplyAdds,
} from './upsampled-conv2d.ts';
import {
  type WinogradProducts,
  winogradProducts,
  winogradProductsGemm,
  winogradProductsMultiplyAdds,
} from './winograd-products.ts';

/** Told apart by what only one has: `sources`, `scale`, `planes`. */
export type Convolution = Conv2d | UpsampledConv2d | WinogradProducts;

/**
 * The kernel.
 *
 * @example
 * const { code, bindings, dispatch } = convolution({
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
export function convolution(conv: Convolution, options: TileOptions): Kernel {
  if ('sources' in conv) return conv2d(conv, options);
  return 'scale' in conv ? upsampledConv2d(conv, options) : winogradProducts(conv, options);
}

/**
 * The product that its tiles cut.
 *
 * @example
 * const { pixels, outChannels } = gemmOf({
 *   label: 'conv 3x3',
 *   sources: [{ height: 160, width: 160, channels: 64, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
 *   outHeight: 160,
 *   outWidth: 160,
 *   outChannels: 64,
 *   bias: true,
 *   residuals: [],
 *   activation: 'relu',
 * });
 */
export function gemmOf(conv: Convolution): Gemm {
  if ('sources' in conv) return conv2dGemm(conv);
  return 'scale' in conv ? upsampledConv2dGemm(conv) : winogradProductsGemm(conv);
}

/**
 * Multiply-adds that are executed.
 *
 * @example
 * multiplyAdds({ label: 'up', height: 40, width: 40, channels: 256, outChannels: 64, scale: 2 });
 */
export function multiplyAdds(conv: Convolution): number {
  if ('sources' in conv) return conv2dMultiplyAdds(conv);
  return 'scale' in conv ? upsampledConv2dMultiplyAdds(conv) : winogradProductsMultiplyAdds(conv);
}
