/** @file Sums of f32 values over spans, one group of spans per workgroup: scores without reading their map back. */

import { declare, type Kernel, type TypedBinding, traffic, workgroupGrid } from './kernel.ts';
import { wgsl } from './wgsl.ts';

export interface SpanSums {
  label: string;
  /** Values of the map. */
  values: number;
  /** Spans of all groups together. */
  spans: number;
  groups: number;
  /** Lengths of all spans together. */
  pixels: number;
}

/** Who adds a group up. A workgroup suits GPUs; where shaders run on the CPU, its barriers cost more than the sums. */
export type SummedBy = 'workgroup' | 'thread';

const threads = 64;

/**
 * `sums[g]`: the sum of `values` over the spans `starts[g]` up to (not including) `starts[g + 1]`; a span is its first
 * index and its length. Always in the same order, so that the sums are the same from run to run, and in parts (64
 * values of a span by one thread, or every 64th value by each thread of a workgroup; then spans; then threads, as a
 * tree), so that rounding errors grow with the number of spans rather than of values.
 */
export function spanSums(
  { label, values, spans, groups, pixels }: SpanSums,
  { by }: { by: SummedBy },
): Kernel {
  const workgroups = by === 'workgroup' ? groups : Math.ceil(groups / threads);
  const [columns, rows] = workgroupGrid(workgroups);
  const shape = { groups, columns };
  const typed: TypedBinding[] = [
    { name: 'values', access: 'read', bytes: 4 * values, type: 'f32' },
    { name: 'spans', access: 'read', bytes: 8 * spans, type: 'vec2<u32>' },
    { name: 'starts', access: 'read', bytes: 4 * (groups + 1), type: 'u32' },
    { name: 'sums', access: 'read_write', bytes: 4 * groups, type: 'f32' },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
#if ${by === 'workgroup'}
var<workgroup> shares: array<f32, ${threads}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let group = id.y * shape.columns + id.x;
  if (group >= shape.groups) { return; }
  var share = 0.0;
  for (var i = starts[group]; i < starts[group + 1u]; i++) {
    let span = spans[i];
    var sum = 0.0;
    for (var at = thread; at < span.y; at += ${threads}u) { sum += values[span.x + at]; }
    share += sum;
  }
  shares[thread] = share;
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { shares[thread] += shares[thread + half]; }
  }
  if (thread == 0u) { sums[group] = shares[0]; }
}
#else
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let group = (id.y * shape.columns + id.x) * ${threads}u + thread;
  if (group >= shape.groups) { return; }
  var share = 0.0;
  for (var i = starts[group]; i < starts[group + 1u]; i++) {
    let span = spans[i];
    for (var part = 0u; part < span.y; part += 64u) {
      var sum = 0.0;
      for (var at = part; at < min(part + 64u, span.y); at++) { sum += values[span.x + at]; }
      share += sum;
    }
  }
  sums[group] = share;
}
#endif
`;
  return {
    label: `${label} (by ${by})`,
    code,
    bindings,
    shape,
    dispatch: [columns, rows, 1],
    flops: pixels,
    bytes: 4 * pixels + traffic(typed.slice(1)),
  };
}
