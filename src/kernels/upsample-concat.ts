/** @file The last step of the FPN: nearest upsampling of every level to the largest, and concatenation. NHWC. */

import { declare, type Kernel, type TypedBinding, traffic } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface UpsampleConcat {
  label: string;
  /** Size of the output; a multiple of every scale. */
  height: number;
  width: number;
  /** Channels of each source, a multiple of 4, so that they stand side by side without gaps. The output has this times the number of sources. */
  channels: number;
  /** How much smaller each source is, in the order of concatenation (the paper's p5, p4, p3, p2: 8, 4, 2, 1). */
  scales: readonly number[];
}

/** `output[y, x, i * channels + c] = source_i[y / scale_i, x / scale_i, c]`. */
export function upsampleConcat(
  { label, height, width, channels, scales }: UpsampleConcat,
  { precision }: { precision: Precision },
): Kernel {
  const type = `vec4<${precision}>`;
  const vectors = channels / 4;
  const outVectors = vectors * scales.length;
  const bytes = height * width * channels * elementBytes(precision);
  const shape = { width };
  const typed: TypedBinding[] = [
    ...scales.map(
      (scale, i): TypedBinding => ({
        name: `source${i}`,
        access: 'read',
        bytes: bytes / scale ** 2,
        type,
      }),
    ),
    { name: 'output', access: 'read_write', bytes: bytes * scales.length, type },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const copyLevel = (scale: number, i: number) => wgsl`
  output[at + ${i * vectors}u] = source${i}[((y / ${scale}u) * (shape.width / ${scale}u) + x / ${scale}u) * ${vectors}u + channel];`;
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width * ${vectors}u) { return; }
  let x = id.x / ${vectors}u;
  let y = id.y;
  let channel = id.x % ${vectors}u;
  let at = (y * shape.width + x) * ${outVectors}u + channel;
  ${scales.map(copyLevel).join('')}
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((width * vectors) / 64), height, 1],
    flops: 0,
    bytes: traffic(typed),
  };
}
