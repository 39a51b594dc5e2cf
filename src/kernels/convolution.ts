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

/** The kernel. */
export function convolution(conv: Convolution, options: TileOptions): Kernel {
  if ('sources' in conv) return conv2d(conv, options);
  return 'scale' in conv ? upsampledConv2d(conv, options) : winogradProducts(conv, options);
}

/** The product that its tiles cut. */
export function gemmOf(conv: Convolution): Gemm {
  if ('sources' in conv) return conv2dGemm(conv);
  return 'scale' in conv ? upsampledConv2dGemm(conv) : winogradProductsGemm(conv);
}

/** Multiply-adds that are executed. */
export function multiplyAdds(conv: Convolution): number {
  if ('sources' in conv) return conv2dMultiplyAdds(conv);
  return 'scale' in conv ? upsampledConv2dMultiplyAdds(conv) : winogradProductsMultiplyAdds(conv);
}
