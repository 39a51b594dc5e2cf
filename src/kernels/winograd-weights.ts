/** @file The weight transform of a Winograd convolution, G g G^T of every filter, done once when weights are uploaded. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';
import { combine, multiplyLeft, type WinogradSize, winogradMatrices, winogradPlanes } from './winograd.ts';

export interface WinogradWeights {
  label: string;
  channels: number;
  outChannels: number;
  size: WinogradSize;
  /** Whether output channels are multiplied by factors. Default: no. */
  scaled?: boolean;
  /** True for weights of `packConvWeights`; channels are then whole vec4s. Default: as PyTorch has them. */
  packed?: boolean;
}

/**
 * Bindings, in f32: `weights` `[outChannels, channels, 3, 3]`, or packed; `scale` `[outChannels]`, if scaled. Then
 * `transformed` `[plane, channels, outChannels]` of `precision`, as `winogradProducts` wants them, channels in whole vec4s of
 * which those that are left over are zero. Sums are f32.
 *
 * @example
 * const { code, bindings, dispatch } = winogradWeights(
 *   { label: 'weights', channels: 64, outChannels: 64, size: 4 },
 *   { precision: 'f32' },
 * );
 */
export function winogradWeights(
  { label, channels, outChannels, size, scaled = false, packed = false }: WinogradWeights,
  { precision }: { precision: Precision },
): Kernel {
  const { G } = winogradMatrices[size];
  const side = size + 2;
  const columns = vectorsOf(outChannels);
  const vectors = 4 * vectorsOf(channels) * columns;
  const [out_step, channel_step, tap_step] = packed
    ? [1, outChannels, channels * outChannels]
    : [9 * channels, 9, 1];
  const shape = {
    vectors,
    out_vectors: columns,
    ...{ channels, out_channels: outChannels },
    ...{ out_step, channel_step, tap_step },
  };
  const type = `vec4<${precision}>`;
  const typed: TypedBinding[] = [
    { name: 'weights', access: 'read', bytes: 36 * channels * outChannels, type: 'f32' },
    ...(scaled ? [{ name: 'scale', access: 'read' as const, bytes: 4 * outChannels, type: 'f32' }] : []),
    {
      name: 'transformed',
      access: 'read_write',
      bytes: winogradPlanes(size) * vectors * 4 * elementBytes(precision),
      type,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  /** The elements of an array at the indices of a vector. */
  const gather = (array: string, at: string) =>
    `vec4<f32>(${Array.from('xyzw', (lane) => `${array}[${at}.${lane}]`).join(', ')})`;
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= shape.vectors) { return; }
  let channel = at / shape.out_vectors;
  let out = at % shape.out_vectors * 4u + vec4<u32>(0u, 1u, 2u, 3u);
  // What fills the last vec4s up: others' weights times zero.
  let is_there = (out < vec4<u32>(shape.out_channels)) & vec4<bool>(channel < shape.channels);
  let filters = select(vec4<u32>(), out, is_there);
  let factors = select(vec4<f32>(), ${scaled ? gather('scale', 'filters') : 'vec4<f32>(1.0)'}, is_there);
  let start = filters * shape.out_step + min(channel, shape.channels - 1u) * shape.channel_step;
  #for y in 0..3
  #for x in 0..3
  let at{y}_{x} = start + ({y}u * 3u + {x}u) * shape.tap_step;
  let g{y}_{x} = factors * ${gather('weights', 'at{y}_{x}')};
  #end
  #end
  // e = G g, and e G^T.
  ${multiplyLeft('e', G, 'g', 3)}
  #for i in 0..${side}
  ${G.map((row, j) => `transformed[({i}u * ${side}u + ${j}u) * shape.vectors + at] = ${type}(${combine(row, (k) => `e{i}_${k}`)});`).join('\n')}
  #end
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil(vectors / 64)), 1],
    // Three terms each, in both passes.
    flops: 4 * vectors * (3 * side + side * side) * 6,
    bytes: traffic(typed),
  };
}

/** The transform makes a number at most so many times as large: the largest row of |G|, twice. */
export const winogradGrowth = (size: WinogradSize): number =>
  Math.max(...winogradMatrices[size].G.map((row) => row.reduce((sum, g) => sum + Math.abs(g), 0))) ** 2;
