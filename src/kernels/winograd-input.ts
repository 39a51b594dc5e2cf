/** @file The input transform of a Winograd convolution: V = B^T d B for every tile and channel. NHWC, f32 sums. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf } from './kernel.ts';
import { elementBytes, elementOf, header, type KernelOptions, wgsl } from './wgsl.ts';
import {
  combine,
  multiplyLeft,
  type WinogradSize,
  winogradMatrices,
  winogradPlanes,
  winogradTiles,
} from './winograd.ts';

export interface WinogradInput {
  label: string;
  height: number;
  width: number;
  channels: number;
  size: WinogradSize;
}

/**
 * Bindings: `source` `[height, width, channels]`, `output` `[plane, tile row, tile column, channels]`.
 *
 * @example
 * const { code, bindings, dispatch } = winogradInput({ label: 'tiles', height: 160, width: 160, channels: 64, size: 4 }, { precision: 'f32' });
 */
export function winogradInput(
  { label, height, width, channels, size }: WinogradInput,
  options: KernelOptions,
): Kernel {
  const { precision } = options;
  const element = elementOf(options);
  const { type, sumType } = element;
  const { BT } = winogradMatrices[size];
  const side = size + 2;
  const tiles = winogradTiles(size, { height, width });
  const vectors = (vectorsOf(channels) * 4) / element.size;
  const values = tiles.height * tiles.width * element.size * vectors;
  const bytes = elementBytes(precision);
  const shape = { height, width, vectors };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes: height * width * element.size * vectors * bytes, type },
    { name: 'output', access: 'read_write', bytes: winogradPlanes(size) * values * bytes, type },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
fn pixel_at(at: u32, inside: bool) -> ${sumType} {
  return ${sumType}(select(${type}(), source[select(0u, at, inside)], inside));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let columns = (shape.width + ${size - 1}u) / ${size}u;
  let rows = (shape.height + ${size - 1}u) / ${size}u;
  if (id.x >= columns * shape.vectors) { return; }
  let channel = id.x % shape.vectors;
  let tile = id.y * columns + id.x / shape.vectors;
  // One pixel of padding: -1 wraps around and fails the comparison.
  let y = id.y * ${size}u - 1u;
  let x = id.x / shape.vectors * ${size}u - 1u;
  #for i in 0..${side}
  let row_inside{i} = y + {i}u < shape.height;
  let column_inside{i} = x + {i}u < shape.width;
  let row{i} = (y + {i}u) * shape.width * shape.vectors;
  let column{i} = (x + {i}u) * shape.vectors + channel;
  #end
  #for i in 0..${side}
  #for j in 0..${side}
  let d{i}_{j} = pixel_at(row{i} + column{j}, row_inside{i} & column_inside{j});
  #end
  #end
  // e = B^T d, and V = e B.
  ${multiplyLeft('e', BT, 'd', side)}
  let plane = rows * columns * shape.vectors;
  let at = tile * shape.vectors + channel;
  #for i in 0..${side}
  ${BT.map((row, j) => `output[({i}u * ${side}u + ${j}u) * plane + at] = ${type}(${combine(row, (k) => `e{i}_${k}`)});`).join('\n')}
  #end
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((tiles.width * vectors) / 64), tiles.height, 1],
    // Two passes of additions over the tile; most rows have four terms at most.
    flops: values * side * side * 6,
    bytes: traffic(typed),
  };
}
