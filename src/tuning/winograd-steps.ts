/**
 * @file The dispatches of a Winograd convolution as tuning binds them. Its weights are made on the device from the
 * made-up ones of the plain convolution, so that both must give the same output.
 */

import type { Conv2d } from '../kernels/conv2d.ts';
import type { convolution } from '../kernels/convolution.ts';
import { declare, type Kernel, traffic, workgroupGrid } from '../kernels/kernel.ts';
import type { Tile } from '../kernels/tile.ts';
import { type Precision, wgsl } from '../kernels/wgsl.ts';
import {
  combine,
  multiplyLeft,
  type WinogradSize,
  winogradMatrices,
  winogradPlanes,
  winogradTiles,
} from '../kernels/winograd.ts';
import { winogradInput } from '../kernels/winograd-input.ts';
import { winogradOutput } from '../kernels/winograd-output.ts';
import type { WinogradProducts } from '../kernels/winograd-products.ts';

/** Kernels with the buffers that they get in place of those of their bindings' names. */
export interface WinogradSteps {
  /** Dispatched once. */
  weights: Kernel;
  input: Kernel;
  products: Kernel;
  output: Kernel;
}

export const stepBuffers: Record<keyof WinogradSteps, Record<string, string>> = {
  weights: { transformed: 'winogradWeights' },
  input: { source: 'source0', output: 'tiles' },
  products: { source0: 'tiles', weights: 'winogradWeights', output: 'products' },
  output: {},
};

/** The products between the transforms of a 3x3 convolution of stride 1. */
export function productsOf(conv: Conv2d, size: WinogradSize): WinogradProducts {
  return {
    label: `${conv.label}.F(${size},3)`,
    planes: winogradPlanes(size),
    ...winogradTiles(size, { height: conv.outHeight, width: conv.outWidth }),
    channels: conv.sources[0].channels,
    outChannels: conv.outChannels,
  };
}

/** All steps; `tile` is that of the products. */
export function winogradSteps(
  conv: Conv2d,
  size: WinogradSize,
  tile: Tile,
  { precision, build }: { precision: Precision; build: typeof convolution },
): WinogradSteps {
  const [{ height, width, channels }] = conv.sources;
  const { label } = conv;
  return {
    weights: weightsKernel(size, channels, conv.outChannels),
    input: winogradInput({ label, height, width, channels, size }, { precision }),
    products: build(productsOf(conv, size), { tile, precision }),
    output: winogradOutput({ ...conv, size }, { precision }),
  };
}

/** G g G^T of every filter: `weights` `[3, 3, in, out]` to `transformed` `[plane, in, out]`, f32. */
function weightsKernel(size: WinogradSize, inChannels: number, outChannels: number): Kernel {
  const { G } = winogradMatrices[size];
  const side = size + 2;
  const filters = inChannels * outChannels;
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
  return {
    label: `tuning: weights of F(${size},3)`,
    code,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil(filters / 64)), 1],
    flops: filters * (3 * side + side * side) * 6,
    bytes: traffic(bindings),
  };
}
