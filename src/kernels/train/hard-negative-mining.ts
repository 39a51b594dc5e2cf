/**
 * @file Online hard-negative mining: the k-th largest of the negatives' losses, by radix selection on the bits of the
 * keys, eight at a time from the top. Counts are integers, so that atomics do not make the result depend on the order;
 * negatives that tie with the last one kept share its place evenly.
 */

import { declare, type Kernel, type TypedBinding, traffic } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import { type DbLossShape, lossSlices, lossThreads, minedMaps, mining } from './db-loss.ts';

/** Digits of a key, the highest first: how far each is shifted. */
export const digitShifts = [24, 16, 8, 0] as const;

/**
 * Counts the keys that agree with the digits found so far by their next digit.
 * Bindings: `keys`, `mining`, `histogram` (atomic, added to).
 *
 * @example
 * // The highest of the keys' four bytes.
 * const { code, bindings, dispatch } = miningHistogram({
 *   label: 'loss',
 *   pixels: 640 * 640,
 *   loss: { weights: { probability: 5, binary: 1, threshold: 10 }, binary: 'dice', negativeRatio: 3, k: 50 },
 * }, 24);
 */
export function miningHistogram({ label, pixels, loss }: DbLossShape, shift: number): Kernel {
  const maps = minedMaps(loss);
  const shape = { pixels, slices: lossSlices(pixels), shift };
  const typed: TypedBinding[] = [
    { name: 'keys', access: 'read', bytes: maps * pixels * 4, type: 'u32' },
    { name: 'mining', access: 'read', bytes: maps * 16, type: 'vec4<u32>' },
    { name: 'histogram', access: 'read_write', bytes: maps * 1024, type: 'atomic<u32>' },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
var<workgroup> counts: array<atomic<u32>, 256>;

@compute @workgroup_size(${lossThreads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  for (var i = thread; i < 256u; i += ${lossThreads}u) { atomicStore(&counts[i], 0u); }
  workgroupBarrier();
  let found = mining[group.z].x;
  // A shift by 32 is not defined: above the first digit there is nothing to agree with.
  let first = shape.shift == 24u;
  let above = min(shape.shift + 8u, 31u);
  for (var i = group.x * ${lossThreads}u + thread; i < shape.pixels; i += shape.slices * ${lossThreads}u) {
    let key = keys[group.z * shape.pixels + i];
    if (key != 0u && (first || (key >> above) == (found >> above))) {
      atomicAdd(&counts[(key >> shape.shift) & 255u], 1u);
    }
  }
  workgroupBarrier();
  for (var i = thread; i < 256u; i += ${lossThreads}u) {
    let count = atomicLoad(&counts[i]);
    if (count > 0u) { atomicAdd(&histogram[group.z * 256u + i], count); }
  }
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [shape.slices, 1, maps],
    flops: 0,
    bytes: traffic(typed),
  };
}

/**
 * Finds the digit in which the last negative to be kept lies, and empties the histogram.
 * Bindings: `histogram`, `mining`, both changed.
 *
 * @example
 * // The highest of the keys' four bytes.
 * const { code, bindings, dispatch } = miningSelect({
 *   label: 'loss',
 *   pixels: 640 * 640,
 *   loss: { weights: { probability: 5, binary: 1, threshold: 10 }, binary: 'dice', negativeRatio: 3, k: 50 },
 * }, 24);
 */
export function miningSelect({ label, loss }: DbLossShape, shift: number): Kernel {
  const maps = minedMaps(loss);
  const shape = { shift };
  const typed: TypedBinding[] = [
    { name: 'histogram', access: 'read_write', bytes: maps * 1024, type: 'u32' },
    { name: 'mining', access: 'read_write', bytes: maps * mining.words * 4, type: 'vec4<u32>' },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
var<workgroup> counts: array<u32, 256>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  for (var i = thread; i < 256u; i += 64u) {
    counts[i] = histogram[group.x * 256u + i];
    histogram[group.x * 256u + i] = 0u;
  }
  workgroupBarrier();
  if (thread == 0u) {
    var state = mining[group.x];
    if (state.w == 0u) {
      // Nothing is kept: no key is as large.
      state = vec4<u32>(0xffffffffu, 0u, 1u, 0u);
    } else {
      var digit = 255u;
      while (digit > 0u && counts[digit] < state.y) {
        state.y -= counts[digit];
        digit--;
      }
      state.x |= digit << shape.shift;
      state.z = counts[digit];
    }
    mining[group.x] = state;
  }
}
`;
  return { label, code, bindings, shape, dispatch: [maps, 1, 1], flops: 0, bytes: traffic(typed) };
}

/**
 * Sums the losses above the key that was found, in slices. Bindings: `keys`, `mining`, `output` (f32, `[slices]` per
 * map).
 *
 * @example
 * const { code, bindings, dispatch } = minedSums({
 *   label: 'loss',
 *   pixels: 640 * 640,
 *   loss: { weights: { probability: 5, binary: 1, threshold: 10 }, binary: 'dice', negativeRatio: 3, k: 50 },
 * });
 */
export function minedSums({ label, pixels, loss }: DbLossShape): Kernel {
  const maps = minedMaps(loss);
  const slices = lossSlices(pixels);
  const shape = { pixels, slices };
  const typed: TypedBinding[] = [
    { name: 'keys', access: 'read', bytes: maps * pixels * 4, type: 'u32' },
    { name: 'mining', access: 'read', bytes: maps * 16, type: 'vec4<u32>' },
    { name: 'output', access: 'read_write', bytes: maps * slices * 4, type: 'f32' },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
var<workgroup> sums: array<f32, ${lossThreads}>;

@compute @workgroup_size(${lossThreads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let weakest = mining[group.z].x;
  var sum = 0.0;
  for (var i = group.x * ${lossThreads}u + thread; i < shape.pixels; i += shape.slices * ${lossThreads}u) {
    let key = keys[group.z * shape.pixels + i];
    if (key > weakest) { sum += bitcast<f32>(key - 1u); }
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < ${lossThreads}u; i++) { sum += sums[i]; }
    output[group.z * shape.slices + group.x] = sum;
  }
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [slices, 1, maps],
    flops: maps * pixels,
    bytes: traffic(typed),
  };
}
