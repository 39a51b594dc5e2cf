/** @file The top-down step of the FPN: nearest upsampling by 2 and addition. NHWC. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface UpsampleAdd {
  label: string;
  /** Size of the lateral input and of the output; both even. */
  height: number;
  width: number;
  channels: number;
}

/**
 * `output[y, x] = lateral[y, x] + top[y / 2, x / 2]`.
 *
 * @example
 * const { code, bindings, dispatch } = upsampleAdd({ label: 'top-down', height: 40, width: 40, channels: 256 }, { precision: 'f32' });
 */
export function upsampleAdd(
  { label, height, width, channels }: UpsampleAdd,
  { precision }: { precision: Precision },
): Kernel {
  const type = `vec4<${precision}>`;
  const vectors = vectorsOf(channels);
  const bytes = height * width * 4 * vectors * elementBytes(precision);
  const shape = { width };
  const typed: TypedBinding[] = [
    { name: 'lateral', access: 'read', bytes, type },
    { name: 'top', access: 'read', bytes: bytes / 4, type },
    { name: 'output', access: 'read_write', bytes, type },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width * ${vectors}u) { return; }
  let x = id.x / ${vectors}u;
  let channel = id.x % ${vectors}u;
  let at = id.y * shape.width * ${vectors}u + id.x;
  output[at] = lateral[at] + top[((id.y / 2u) * (shape.width / 2u) + x / 2u) * ${vectors}u + channel];
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((width * vectors) / 64), height, 1],
    flops: height * width * channels,
    bytes: traffic(typed),
  };
}
