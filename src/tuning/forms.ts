/**
 * @file The ways to compute a convolution that are tried, as kernels: a tile, or Winograd's filtering with a tile for
 * its products. Winograd's weights are made on the device from the made-up ones of the plain convolution, so that all
 * must give the same output.
 */

import { type Convolution, type convolution, gemmOf, multiplyAdds } from '../kernels/convolution.ts';
import { declare, type Kernel, traffic, vectorsOf, workgroupGrid } from '../kernels/kernel.ts';
import type { Tile } from '../kernels/tile.ts';
import { type Precision, wgsl } from '../kernels/wgsl.ts';
import { combine, multiplyLeft, type WinogradSize, winogradMatrices } from '../kernels/winograd.ts';
import { winogradInput } from '../kernels/winograd-input.ts';
import { winogradOutput } from '../kernels/winograd-output.ts';
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
  precision: Precision,
  build: typeof convolution,
): FormKernels {
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
        kernel: weightsKernel(size, channels, conv.outChannels),
        names: { transformed: 'winogradWeights' },
      },
    ],
    steps: [
      {
        kernel: winogradInput({ label, height, width, channels, size }, { precision }),
        names: { source: 'source0', output: 'tiles' },
      },
      { kernel: tiled, names: { source0: 'tiles', weights: 'winogradWeights', output: 'products' } },
      { kernel: winogradOutput({ ...conv, size }, { precision }) },
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

/** G g G^T of every filter: `weights` `[3, 3, in, out]` to `transformed` `[plane, in, out]`, f32, channels in whole vec4s. */
function weightsKernel(size: WinogradSize, inChannels: number, outChannels: number): Kernel {
  const { G } = winogradMatrices[size];
  const side = size + 2;
  const filters = 16 * vectorsOf(inChannels) * vectorsOf(outChannels);
  const shape = { filters };
  const { bindings, declarations } = declare(
    [
      { name: 'weights', access: 'read', bytes: 4 * 9 * filters, type: 'f32' },
      { name: 'transformed', access: 'read_write', bytes: 4 * side * side * filters, type: 'f32' },
    ],
    shape,
  );
  const code = wgsl`${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let filter_index = id.y * groups.x * 64u + id.x;
  if (filter_index >= shape.filters) { return; }
  #for y in 0..3
  #for x in 0..3
  let g{y}_{x} = weights[({y}u * 3u + {x}u) * shape.filters + filter_index];
  #end
  #end
  ${multiplyLeft('e', G, 'g', 3)}
  #for i in 0..${side}
  ${G.map((row, j) => `transformed[({i}u * ${side}u + ${j}u) * shape.filters + filter_index] = ${combine(row, (k) => `e{i}_${k}`)};`).join('\n')}
  #end
}
`;
  const flops = filters * (3 * side + side * side) * 6;
  return {
    label: `measuring: weights of F(${size},3)`,
    code,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil(filters / 64)), 1],
    flops,
    bytes: traffic(bindings),
  };
}
