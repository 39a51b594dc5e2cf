/** @file The output transform of a Winograd convolution: Y = A^T M A, then the epilogue of the convolution. NHWC. */

import { type Epilogue, epilogueBindings, epilogueUniforms, storeCode } from './conv2d-epilogue.ts';
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

export interface WinogradOutput extends Epilogue {
  label: string;
  size: WinogradSize;
}

/**
 * Bindings: `products` `[plane, tile row, tile column, outChannels]`, then those of the epilogue: `bias` if any,
 * `residual0`, ..., `output` `[outHeight, outWidth, outChannels]`.
 *
 * @example
 * const { code, bindings, dispatch } = winogradOutput({ label: 'pixels', outHeight: 160, outWidth: 160, outChannels: 64, size: 4, bias: true, residuals: [], activation: 'relu' }, { precision: 'f32' });
 */
export function winogradOutput(form: WinogradOutput, options: KernelOptions): Kernel {
  const { label, outHeight, outWidth, outChannels, size } = form;
  const { precision } = options;
  const element = elementOf(options);
  const { AT } = winogradMatrices[size];
  const side = size + 2;
  const tiles = winogradTiles(size, { height: outHeight, width: outWidth });
  const vectors = (vectorsOf(outChannels) * 4) / element.size;
  const values = tiles.height * tiles.width * element.size * vectors;
  const shape = {
    out_height: outHeight,
    out_width: outWidth,
    out_vectors: vectors,
    ...epilogueUniforms(form),
  };
  const typed: TypedBinding[] = [
    {
      name: 'products',
      access: 'read',
      bytes: winogradPlanes(size) * values * elementBytes(precision),
      type: element.type,
    },
    ...epilogueBindings(form, options),
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
${storeCode(form, options)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let columns = (shape.out_width + ${size - 1}u) / ${size}u;
  let rows = (shape.out_height + ${size - 1}u) / ${size}u;
  if (id.x >= columns * shape.out_vectors) { return; }
  let channel = id.x % shape.out_vectors;
  let tile = id.y * columns + id.x / shape.out_vectors;
  let plane = rows * columns * shape.out_vectors;
  let at = tile * shape.out_vectors + channel;
  #for i in 0..${side}
  #for j in 0..${side}
  let d{i}_{j} = ${element.sumType}(products[({i}u * ${side}u + {j}u) * plane + at]);
  #end
  #end
  // e = A^T M, and Y = e A.
  ${multiplyLeft('e', AT, 'd', side)}
  var sums = array<${element.sumType}, ${size * size}>(
    #for i in 0..${size}
    ${AT.map((row) => `${combine(row, (k) => `e{i}_${k}`)},`).join('\n')}
    #end
  );
  for (var i = 0u; i < ${size * size}u; i++) {
    let y = id.y * ${size}u + i / ${size}u;
    let x = id.x / shape.out_vectors * ${size}u + i % ${size}u;
    if (y < shape.out_height && x < shape.out_width) { store(y * shape.out_width + x, channel, sums[i]); }
  }
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((tiles.width * vectors) / 64), tiles.height, 1],
    flops: values * (side + size) * size * 6,
    bytes: traffic(typed),
  };
}
