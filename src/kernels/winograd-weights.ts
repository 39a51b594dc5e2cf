/** @file The weight transform of a Winograd convolution, G g G^T of every filter, done once when weights are uploaded. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';
import { combine, multiplyLeft, type WinogradSize, winogradMatrices, winogradPlanes } from './winograd.ts';

export interface WinogradWeights {
  label: string;
  channels: number;
  outChannels: number;
  size: WinogradSize;
  /** True for weights of `packConvWeights`; channels are then whole vec4s. Default: as PyTorch has them, and scaled. */
  packed?: boolean;
}

/**
 * Bindings: `weights` in f32, `[outChannels, channels, 3, 3]`, followed by what each is multiplied by, `[outChannels]`; or
 * packed ones alone. Then `transformed` `[plane, channels, outChannels]` of `precision`, as `winogradProducts` wants them, channels in whole vec4s of
 * which those that are left over are zero. Sums are f32.
 *
 * @example
 * const { code, bindings, dispatch } = winogradWeights(
 *   { label: 'weights', channels: 64, outChannels: 64, size: 4 },
 *   { precision: 'f32' },
 * );
 */
export function winogradWeights(
  { label, channels, outChannels, size, packed = false }: WinogradWeights,
  { precision }: { precision: Precision },
): Kernel {
  const { G } = winogradMatrices[size];
  const side = size + 2;
  const columns = 4 * vectorsOf(outChannels);
  const filters = 4 * vectorsOf(channels) * columns;
  const [out_step, channel_step, tap_step] = packed
    ? [1, outChannels, channels * outChannels]
    : [9 * channels, 9, 1];
  const count = 9 * channels * outChannels;
  const shape = {
    ...{ filters, columns },
    ...{ channels, out_channels: outChannels },
    ...{ out_step, channel_step, tap_step, scale_start: count },
  };
  const typed: TypedBinding[] = [
    { name: 'weights', access: 'read', bytes: 4 * (count + (packed ? 0 : outChannels)), type: 'f32' },
    {
      name: 'transformed',
      access: 'read_write',
      bytes: winogradPlanes(size) * filters * elementBytes(precision),
      type: precision,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= shape.filters) { return; }
  let channel = at / shape.columns;
  let out = at % shape.columns;
  // What fills the last vec4s up: another filter times zero.
  let is_there = (out < shape.out_channels) & (channel < shape.channels);
  let filter_out = select(0u, out, is_there);
  let factor = select(0.0, ${packed ? '1.0' : 'weights[filter_out + shape.scale_start]'}, is_there);
  let start = filter_out * shape.out_step + min(channel, shape.channels - 1u) * shape.channel_step;
  #for y in 0..3
  #for x in 0..3
  let g{y}_{x} = factor * weights[start + ({y}u * 3u + {x}u) * shape.tap_step];
  #end
  #end
  // e = G g, and e G^T.
  ${multiplyLeft('e', G, 'g', 3)}
  #for i in 0..${side}
  ${G.map((row, j) => `transformed[({i}u * ${side}u + ${j}u) * shape.filters + at] = ${precision}(${combine(row, (k) => `e{i}_${k}`)});`).join('\n')}
  #end
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil(filters / 64)), 1],
    // Three terms each, in both passes.
    flops: filters * (3 * side + side * side) * 6,
    bytes: traffic(typed),
  };
}

/** The transform makes a number at most so many times as large: the largest row of |G|, twice. */
export const winogradGrowth = (size: WinogradSize): number =>
  Math.max(...winogradMatrices[size].G.map((row) => row.reduce((sum, g) => sum + Math.abs(g), 0))) ** 2;
