/**
 * @file The ways to compute a convolution that are tried, as kernels: a tile, or Winograd's filtering with a tile for
 * its products. Winograd's weights are made on the device from the made-up ones of the plain convolution, so that all
 * must give the same output.
 */

import { type Convolution, type convolution, gemmOf, multiplyAdds } from '../kernels/convolution.ts';
import { type Kernel, vectorsOf } from '../kernels/kernel.ts';
import type { Tile } from '../kernels/tile.ts';
import type { KernelOptions, Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { winogradInput } from '../kernels/winograd-input.ts';
import { winogradOutput } from '../kernels/winograd-output.ts';
import { winogradWeights } from '../kernels/winograd-weights.ts';
import { winogradProducts } from './classes.ts';
import type { Placed, Tolerance } from './workbench.ts';

/** A way to compute a convolution. */
export interface Form {
  /** Of the convolution, or of Winograd's products. */
  tile: Tile;
  winograd?: WinogradSize;
}

export interface FormKernels {
  /** Dispatched once, before all others. */
  prepare: Placed[];
  /** What is timed; the last writes `output`. */
  steps: Placed[];
  /** The one that the tile is of. */
  tiled: Kernel;
}

/** The kernels of a form; `build` makes those that have a tile. */
export function formKernels(
  conv: Convolution,
  { tile, winograd: size }: Form,
  options: KernelOptions,
  build: typeof convolution,
): FormKernels {
  const { precision } = options;
  if (!size || !('sources' in conv)) {
    const tiled = build(conv, { tile, precision });
    return { prepare: [], steps: [{ kernel: tiled }], tiled };
  }
  const [{ height, width, channels }] = conv.sources;
  const { label } = conv;
  const tiled = build(winogradProducts(conv, size), { tile, precision });
  return {
    prepare: [
      {
        kernel: winogradWeights(
          {
            label: `measuring: weights of F(${size},3)`,
            channels: 4 * vectorsOf(channels),
            outChannels: 4 * vectorsOf(conv.outChannels),
            size,
            packed: true,
          },
          { precision },
        ),
        names: { transformed: 'winogradWeights' },
      },
    ],
    steps: [
      {
        kernel: winogradInput({ label, height, width, channels, size }, options),
        names: { source: 'source0', output: 'tiles' },
      },
      { kernel: tiled, names: { source0: 'tiles', weights: 'winogradWeights', output: 'products' } },
      { kernel: winogradOutput({ ...conv, size }, options) },
    ],
    tiled,
  };
}

/** Unit roundoff of f32 and f16. */
const unit = { f32: 2 ** -24, f16: 2 ** -11 } as const;

/** Root mean square of the product of two made-up numbers, which are uniform from -1 to 1. */
const productSize = 1 / 3;

/** How many times the expected error is allowed, for the worst of millions of outputs. */
const margin = 16;

/** Rounding errors of either Winograd size are at most about so many times those of the plain sum. */
const winogradErrors = 8;

/**
 * What two orders of summing may differ by. The rounding errors of n random products behave like a random walk:
 * about u n |product| together, as partial sums grow with sqrt(n). In f16 the products are rounded as well,
 * u' sqrt(n) |product|, and so is the result. One product too many or too few is far above both.
 */
export function sumTolerance(
  conv: Convolution,
  precision: Precision,
  { winograd }: Partial<Form> = {},
): Tolerance {
  const { pixels, outChannels, planes } = gemmOf(conv);
  // For class images this counts all classes, which only allows more.
  const terms = multiplyAdds(conv) / (pixels * outChannels * ('planes' in conv ? planes : 1));
  const products = precision === 'f16' ? unit.f16 * Math.sqrt(terms) : 0;
  return {
    absolute: (winograd ? winogradErrors : 1) * margin * productSize * (unit.f32 * terms + products),
    relative: 4 * unit[precision],
  };
}
