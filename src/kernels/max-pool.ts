/** @file Max-pooling 3x3, stride 2, padding 1, as after the stem of ResNet. NHWC. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface MaxPool {
  label: string;
  /** Size of the input; both even. */
  height: number;
  width: number;
  channels: number;
  /** Images, one after the other. Default: 1. */
  batch?: number;
}

/** `output[y, x] = max(source[2y-1 .. 2y+1, 2x-1 .. 2x+1])`; what lies outside does not take part. */
export function maxPool(
  { label, height, width, channels, batch = 1 }: MaxPool,
  { precision }: { precision: Precision },
): Kernel {
  const type = `vec4<${precision}>`;
  const outHeight = height / 2;
  const outWidth = width / 2;
  const vectors = vectorsOf(channels);
  const element = elementBytes(precision);
  const shape = { height, width };
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
  let out_width = shape.width / 2u;
  if (id.x >= out_width * ${vectors}u) { return; }
  let x = id.x / ${vectors}u;
  let y = id.y;
  let channel = id.x % ${vectors}u;
  let image = id.z * shape.height;
  // The centre is always inside, so it can stand for neighbours that are not.
  var largest = source[((image + y * 2u) * shape.width + x * 2u) * ${vectors}u + channel];
  for (var window_y = 0u; window_y < 3u; window_y++) {
    for (var window_x = 0u; window_x < 3u; window_x++) {
      // -1 wraps around and fails the comparison.
      let source_y = y * 2u + window_y - 1u;
      let source_x = x * 2u + window_x - 1u;
      if (source_y < shape.height && source_x < shape.width) {
        largest = max(largest, source[((image + source_y) * shape.width + source_x) * ${vectors}u + channel]);
      }
    }
  }
  output[((image / 2u + y) * out_width + x) * ${vectors}u + channel] = largest;
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((outWidth * vectors) / 64), outHeight, batch],
    flops: batch * outHeight * outWidth * channels * 8,
    bytes: traffic(typed),
  };
}
