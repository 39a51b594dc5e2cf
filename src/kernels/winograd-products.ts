/** @file The products between the transforms of a Winograd convolution: one matrix of weights for every plane. */

import { convKernel, type TileOptions } from './conv2d-kernel.ts';
import { type Kernel, vectorsOf } from './kernel.ts';
import { type Gemm, plane } from './tile-loop.ts';

export interface WinogradProducts {
  label: string;
  /** Positions of a transformed tile: `winogradPlanes`. */
  planes: number;
  /** Rows and columns of tiles. */
  height: number;
  width: number;
  channels: number;
  outChannels: number;
}

/** The product that tiles of {@link winogradProducts} cut. */
export const winogradProductsGemm = ({
  planes,
  height,
  width,
  channels,
  outChannels,
}: WinogradProducts): Gemm => ({
  pixels: height * width,
  outChannels: 4 * vectorsOf(outChannels),
  channels: [4 * vectorsOf(channels)],
  planes,
});

/** Multiply-adds of {@link winogradProducts}. */
export const winogradProductsMultiplyAdds = (products: WinogradProducts): number =>
  products.planes * products.height * products.width * products.channels * products.outChannels;

/**
 * Bindings: `source0` `[planes, height, width, channels]`, `weights` (`winogradWeights`), `output`
 * `[planes, height, width, outChannels]`.
 *
 * @example
 * const { code, bindings, dispatch } = winogradProducts({ label: 'products', planes: 36, height: 40, width: 40, channels: 64, outChannels: 64 }, { precision: 'f32', tile: { kind: 'direct', pixels: 4, channels: 4 } });
 */
export function winogradProducts(products: WinogradProducts, options: TileOptions): Kernel {
  const { label, planes, height, width, channels, outChannels } = products;
  return convKernel(
    {
      label,
      sources: [
        {
          ...{ height, width, channels, stride: 1, planar: true },
          ...{ taps: 1, kernelHeight: 1, kernelWidth: 1, top: 0, left: 0 },
          weightStart: plane.weightStart,
        },
      ],
      planes: { name: plane.name, count: planes },
      weightRows: planes * 4 * vectorsOf(channels),
      multiplyAdds: winogradProductsMultiplyAdds(products),
      ...{ outHeight: height, outWidth: width, outChannels, bias: false, residuals: [], activation: 'none' },
    },
    options,
  );
}
