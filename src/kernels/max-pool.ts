/** @file Max-pooling. NHWC. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface MaxPool {
  label: string;
  /** Size of the source. */
  height: number;
  width: number;
  channels: number;
  outHeight: number;
  outWidth: number;
  /** Side of the square window. */
  kernel: number;
  stride: number;
  /** How far windows reach beyond the source above and left, less than a window; how far below and right, the output's size says. */
  padding: { top: number; left: number };
  /** Images, one after the other. Default: 1. */
  batch?: number;
}

/**
 * `output[y, x]` = the largest `source[y stride + i - top, x stride + j - left]`, i and j below `kernel`; what lies outside
 * takes no part. Every window holds something of the source.
 *
 * @example
 * const { code, bindings, dispatch } = maxPool({
 *   label: 'max-pool 3x3',
 *   height: 320,
 *   width: 320,
 *   channels: 64,
 *   outHeight: 160,
 *   outWidth: 160,
 *   kernel: 3,
 *   stride: 2,
 *   padding: { top: 1, left: 1 },
 * }, { precision: 'f32' });
 */
export function maxPool(pool: MaxPool, { precision }: { precision: Precision }): Kernel {
  const { label, height, width, channels, outHeight, outWidth, kernel, stride, padding, batch = 1 } = pool;
  const type = `vec4<${precision}>`;
  const vectors = vectorsOf(channels);
  const element = elementBytes(precision);
  const shape = { height, width, out_height: outHeight, out_width: outWidth };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes: batch * height * width * 4 * vectors * element, type },
    {
      name: 'output',
      access: 'read_write',
      bytes: batch * outHeight * outWidth * 4 * vectors * element,
      type,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.out_width * ${vectors}u) { return; }
  let x = id.x / ${vectors}u;
  let y = id.y;
  let channel = id.x % ${vectors}u;
  let image = id.z * shape.height;
  // The first that is inside can stand for those that are not.
  let first_y = max(y * ${stride}u, ${padding.top}u) - ${padding.top}u;
  let first_x = max(x * ${stride}u, ${padding.left}u) - ${padding.left}u;
  var largest = source[((image + first_y) * shape.width + first_x) * ${vectors}u + channel];
  for (var window_y = 0u; window_y < ${kernel}u; window_y++) {
    for (var window_x = 0u; window_x < ${kernel}u; window_x++) {
      // Above and left of the source the subtraction wraps around and fails the comparison.
      let source_y = y * ${stride}u + window_y - ${padding.top}u;
      let source_x = x * ${stride}u + window_x - ${padding.left}u;
      if (source_y < shape.height && source_x < shape.width) {
        largest = max(largest, source[((image + source_y) * shape.width + source_x) * ${vectors}u + channel]);
      }
    }
  }
  output[((id.z * shape.out_height + y) * shape.out_width + x) * ${vectors}u + channel] = largest;
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((outWidth * vectors) / 64), outHeight, batch],
    flops: batch * outHeight * outWidth * channels * (kernel * kernel - 1),
    bytes: traffic(typed),
  };
}
