/** @file The norm of the whole gradient, and what follows from it: clipping, or no step at all. */

import { declare, f32, type Kernel, type TypedBinding, traffic } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import { partCount, parts } from './db-loss.ts';
import { floats, vectors } from './elementwise.ts';

/** WGSL: true for what is neither infinite nor NaN; by its bits, since compilers may assume that there is no NaN. */
const finiteFunction = `
fn finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }`;

/** What `gradientVerdict` writes: the norm of the gradient, what it is to be multiplied by, and 1 if all is finite. */
export const verdict = { norm: 0, scale: 1, finite: 2, words: 4 } as const;

const threads = 64;

/** Workgroups of {@link sumOfSquares}. */
export const normSlices = (count: number): number => Math.min(256, Math.ceil(count / (4 * threads)));

/**
 * `output[slice] = sum of squares`. Bindings: `source` (`count`, a multiple of 4), `output` (f32, `[slices]`).
 *
 * @example
 * const { code, bindings, dispatch } = sumOfSquares({ label: 'values', count: 4096 });
 */
export function sumOfSquares({ label, count }: { label: string; count: number }): Kernel {
  const slices = normSlices(count);
  const shape = { vectors: count / 4, slices };
  const typed: TypedBinding[] = [vectors('source', count), floats('output', slices, 'read_write')];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
var<workgroup> sums: array<f32, ${threads}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var i = group.x * ${threads}u + thread; i < shape.vectors; i += shape.slices * ${threads}u) {
    sum += dot(source[i], source[i]);
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < ${threads}u; i++) { sum += sums[i]; }
    output[group.x] = sum;
  }
}
`;
  return { label, code, bindings, shape, dispatch: [slices, 1, 1], flops: 2 * count, bytes: traffic(typed) };
}

/**
 * The `verdict` on a step: the norm, the factor that clips it to `maxNorm` (0: no clipping; PyTorch's
 * `clip_grad_norm_`), and whether loss and norm are finite. Bindings: `source` (`[slices]`), `parts`, `output`.
 *
 * @example
 * const { code, bindings, dispatch } = gradientVerdict({ label: 'verdict', count: 64, maxNorm: 10 });
 */
export function gradientVerdict({
  label,
  count,
  maxNorm,
}: {
  label: string;
  count: number;
  maxNorm: number;
}): Kernel {
  const slices = normSlices(count);
  const shape = { slices, max_norm: f32(maxNorm) };
  const typed: TypedBinding[] = [
    floats('source', slices),
    floats('parts', partCount),
    floats('output', verdict.words, 'read_write'),
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
${finiteFunction}
@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var slice = 0u; slice < shape.slices; slice++) { sum += source[slice]; }
  let norm = sqrt(sum);
  output[${verdict.norm}] = norm;
  output[${verdict.scale}] = select(1.0, min(1.0, shape.max_norm / (norm + 1e-6)), shape.max_norm > 0.0);
  output[${verdict.finite}] = select(0.0, 1.0, finite(sum) && finite(parts[${parts.total}]));
  output[3] = 0.0;
}
`;
  return { label, code, bindings, shape, dispatch: [1, 1, 1], flops: slices, bytes: traffic(typed) };
}
