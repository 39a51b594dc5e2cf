/** @file Max-pooling 3x3, stride 2, padding 1, as after the stem of ResNet. NHWC, batch 1. */

import { declare, type Kernel, type TypedBinding, traffic } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface MaxPool {
  label: string;
  /** Size of the input; both even. */
  height: number;
  width: number;
  /** A multiple of 4. */
  channels: number;
}

/** `output[y, x] = max(source[2y-1 .. 2y+1, 2x-1 .. 2x+1])`; what lies outside does not take part. */
export function maxPool(
  { label, height, width, channels }: MaxPool,
  { precision }: { precision: Precision },
): Kernel {
  const type = `vec4<${precision}>`;
  const outHeight = height / 2;
  const outWidth = width / 2;
  const vectors = channels / 4;
  const element = elementBytes(precision);
  const shape = { height, width };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes: height * width * channels * element, type },
    { name: 'output', access: 'read_write', bytes: outHeight * outWidth * channels * element, type },
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
  // The centre is always inside, so it can stand for neighbours that are not.
  var largest = source[(y * 2u * shape.width + x * 2u) * ${vectors}u + channel];
  for (var window_y = 0u; window_y < 3u; window_y++) {
    for (var window_x = 0u; window_x < 3u; window_x++) {
      // -1 wraps around and fails the comparison.
      let source_y = y * 2u + window_y - 1u;
      let source_x = x * 2u + window_x - 1u;
      if (source_y < shape.height && source_x < shape.width) {
        largest = max(largest, source[(source_y * shape.width + source_x) * ${vectors}u + channel]);
      }
    }
  }
  output[(y * out_width + x) * ${vectors}u + channel] = largest;
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((outWidth * vectors) / 64), outHeight, 1],
    flops: outHeight * outWidth * channels * 8,
    bytes: traffic(typed),
  };
}
