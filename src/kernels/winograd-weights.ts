/** @file The weight transform of a Winograd convolution, G g G^T of every filter, done once when weights are uploaded. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { header, type Precision, wgsl } from './wgsl.ts';
import { combine, multiplyLeft, type WinogradSize, winogradMatrices, winogradPlanes } from './winograd.ts';

export interface WinogradWeights {
  label: string;
  channels: number;
  outChannels: number;
  size: WinogradSize;
}

/**
 * Bindings: `weights` `[3, 3, channels, outChannels]` in f32 (`packConvWeights`), `transformed`
 * `[plane, channels, outChannels]` of `precision`, as `winogradProducts` wants them; channels in whole vec4s. Sums are
 * f32.
 */
export function winogradWeights(
  { label, channels, outChannels, size }: WinogradWeights,
  { precision }: { precision: Precision },
): Kernel {
  const { G } = winogradMatrices[size];
  const side = size + 2;
  const vectors = 4 * vectorsOf(channels) * vectorsOf(outChannels);
  const type = `vec4<${precision}>`;
  const shape = { vectors };
  const typed: TypedBinding[] = [
    { name: 'weights', access: 'read', bytes: 9 * vectors * 16, type: 'vec4<f32>' },
    {
      name: 'transformed',
      access: 'read_write',
      bytes: winogradPlanes(size) * vectors * (precision === 'f16' ? 8 : 16),
      type,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= shape.vectors) { return; }
  #for y in 0..3
  #for x in 0..3
  let g{y}_{x} = weights[({y}u * 3u + {x}u) * shape.vectors + at];
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
