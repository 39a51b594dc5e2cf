/** @file The weight transform of a Winograd convolution, G g G^T of every filter, done once when weights are uploaded. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';
import { combine, multiplyLeft, type WinogradSize, winogradMatrices, winogradPlanes } from './winograd.ts';

/** Strides of a weight's indices, in elements. */
interface Strides {
  outChannel: number;
  channel: number;
  tap: number;
}

export interface WinogradWeights {
  label: string;
  channels: number;
  outChannels: number;
  size: WinogradSize;
  /** Whether output channels are multiplied by factors. Default: no. */
  scaled?: boolean;
  /** `oihw`, as PyTorch has them; `packed`: as `packConvWeights` gives them. Default: `oihw`. */
  layout?: 'oihw' | 'packed';
}

/**
 * Bindings: `weights` `[outChannels, channels, 3, 3]` in f32, or packed; `scale` `[outChannels]` in f32, if scaled;
 * `transformed` `[plane, channels, outChannels]` of `precision`, as `winogradProducts` wants them; channels in whole vec4s of which those that are left over are zero. Sums
 * are f32.
 *
 * @example
 * const { code, bindings, dispatch } = winogradWeights(
 *   { label: 'weights', channels: 64, outChannels: 64, size: 4 },
 *   { precision: 'f32' },
 * );
 */
export function winogradWeights(
  { label, channels, outChannels, size, scaled = false, layout = 'oihw' }: WinogradWeights,
  { precision }: { precision: Precision },
): Kernel {
  const { G } = winogradMatrices[size];
  const side = size + 2;
  const [rows, columns] = [vectorsOf(channels), vectorsOf(outChannels)];
  const vectors = 4 * rows * columns;
  const packed = layout === 'packed';
  // What fills the vec4s up is there in packed ones.
  const stored = packed ? [4 * rows, 4 * columns] : [channels, outChannels];
  const strides: Strides = packed
    ? { outChannel: 1, channel: 4 * columns, tap: 4 * vectors }
    : { outChannel: 9 * channels, channel: 9, tap: 1 };
  const shape = {
    vectors,
    out_vectors: columns,
    channels: stored[0],
    out_channels: stored[1],
    out_step: strides.outChannel,
    channel_step: strides.channel,
    tap_step: strides.tap,
  };
  const type = `vec4<${precision}>`;
  const typed: TypedBinding[] = [
    { name: 'weights', access: 'read', bytes: 9 * stored[0] * stored[1] * 4, type: 'f32' },
    ...(scaled ? [{ name: 'scale', access: 'read' as const, bytes: 4 * outChannels, type: 'f32' }] : []),
    {
      name: 'transformed',
      access: 'read_write',
      bytes: winogradPlanes(size) * vectors * 4 * elementBytes(precision),
      type,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= shape.vectors) { return; }
  let channel = at / shape.out_vectors;
  let first = at % shape.out_vectors * 4u;
  // Channels that fill a vec4 up have no weights.
  let filters = first + vec4<u32>(0u, 1u, 2u, 3u);
  let is_there = (filters < vec4<u32>(shape.out_channels)) & vec4<bool>(channel < shape.channels);
  let start = select(vec4<u32>(), filters * shape.out_step + channel * shape.channel_step, is_there);
  #if ${scaled}
  let factors = vec4<f32>(${[0, 1, 2, 3].map((i) => `scale[min(first + ${i}u, shape.out_channels - 1u)]`).join(', ')});
  #endif
  #for y in 0..3
  #for x in 0..3
  let at{y}_{x} = start + ({y}u * 3u + {x}u) * shape.tap_step;
  let g{y}_{x} = select(vec4<f32>(), ${scaled ? 'factors * ' : ''}vec4<f32>(weights[at{y}_{x}.x], weights[at{y}_{x}.y], weights[at{y}_{x}.z], weights[at{y}_{x}.w]), is_there);
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
