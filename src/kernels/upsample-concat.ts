/** @file The last step of the FPN: nearest upsampling of every level to the largest, and concatenation. NHWC. */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface UpsampleConcat {
  label: string;
  /** Size of the output; a multiple of every scale. */
  height: number;
  width: number;
  /** Channels of each source, in the order of concatenation. */
  channels: readonly number[];
  /** How much smaller each source is, in the same order (the paper's p5, p4, p3, p2: 8, 4, 2, 1). */
  scales: readonly number[];
}

/**
 * `output[y, x]` = `source_i[y / scale_i, x / scale_i]` one after the other, without gaps.
 * Bindings: `source0`, ..., `output`; channels in whole vec4s of which those that are left over are zero.
 *
 * @example
 * const { code, bindings, dispatch } = upsampleConcat({
 *   label: 'concat',
 *   height: 160,
 *   width: 160,
 *   channels: [64, 64, 64, 64],
 *   scales: [8, 4, 2, 1],
 * }, { precision: 'f32' });
 */
export function upsampleConcat(
  { label, height, width, channels, scales }: UpsampleConcat,
  { precision }: { precision: Precision },
): Kernel {
  const vectors = channels.map(vectorsOf);
  const outVectors = vectorsOf(sum(channels));
  const bytes = (count: number) => height * width * count * 4 * elementBytes(precision);
  const type = `vec4<${precision}>`;
  const shape = { width };
  const typed: TypedBinding[] = [
    ...scales.map(
      (scale, i): TypedBinding => ({
        name: `source${i}`,
        access: 'read',
        bytes: bytes(vectors[i]) / scale ** 2,
        type,
      }),
    ),
    { name: 'output', access: 'read_write', bytes: bytes(outVectors), type },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const aligned = channels.every((count) => count % 4 === 0);
  // Vectors of a pixel that have a thread.
  const perPixel = aligned ? Math.max(...vectors) : outVectors;
  /** Where a pixel of a source begins. */
  const start = (i: number) =>
    `((y / ${scales[i]}u) * (shape.width / ${scales[i]}u) + x / ${scales[i]}u) * ${vectors[i]}u`;
  const copyVector = (_: number, i: number) => {
    const copy = `output[at + ${sum(vectors.slice(0, i))}u] = source${i}[${start(i)} + channel];`;
    return vectors[i] === perPixel ? copy : `if (channel < ${vectors[i]}u) { ${copy} }`;
  };
  const findLane = (count: number, i: number) => {
    const before = sum(channels.slice(0, i));
    const within = before === 0 ? 'channel' : `(channel - ${before}u)`;
    return `if (channel < ${before + count}u) { return source${i}[${start(i)} + ${within} / 4u][${within} % 4u]; }`;
  };
  const code = wgsl`${header(precision)}${declarations}
#if ${!aligned}
// One channel of the output: the lanes of a vector come from more than one.
fn lane(y: u32, x: u32, channel: u32) -> ${precision} {
  ${channels.map(findLane).join('\n')}
  return 0;
}
#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width * ${perPixel}u) { return; }
  let x = id.x / ${perPixel}u;
  let y = id.y;
  let channel = id.x % ${perPixel}u;
  let at = (y * shape.width + x) * ${outVectors}u + channel;
  #if ${aligned}
  ${channels.map(copyVector).join('\n')}
  #else
  output[at] = ${type}(
    #for l in 0..4
    lane(y, x, channel * 4u + {l}u),
    #end
  );
  #endif
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((width * perPixel) / 64), height, 1],
    flops: 0,
    bytes: traffic(typed),
  };
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
