/** @file The loss of each pixel, and the sums that do not wait for mining. */

import { declare, type Kernel, type TypedBinding, traffic } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import {
  type DbLossShape,
  lossFunctions,
  lossSlices,
  lossThreads,
  minedMaps,
  readTargets,
  sums,
} from './db-loss-shape.ts';
import { floats } from './elementwise.ts';

/** Numbers that a slice sums. */
export const sumCount = Object.keys(sums).length;

/**
 * Writes for each mined map and pixel a key by which negatives are ordered: the bits of their loss plus 1 (losses are
 * not negative, so that their bits order like they do), 0 for all others; and per slice the {@link sums}.
 * Bindings: `logits` (of P, of T), `targets` (see {@link readTargets}), `keys` (u32), `output` (f32, `[slices, 8]`).
 */
export function dbLossTerms({ label, pixels, loss }: DbLossShape): Kernel {
  const slices = lossSlices(pixels);
  const maps = minedMaps(loss);
  const shape = { pixels, slices };
  const typed: TypedBinding[] = [
    floats('logits', 2 * pixels),
    floats('targets', 4 * pixels),
    { name: 'keys', access: 'read_write', bytes: maps * pixels * 4, type: 'u32' },
    { name: 'output', access: 'read_write', bytes: slices * sumCount * 4, type: 'vec4<f32>' },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
${lossFunctions}
var<workgroup> first: array<vec4<f32>, ${lossThreads}>;
var<workgroup> second: array<vec4<f32>, ${lossThreads}>;

@compute @workgroup_size(${lossThreads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var a = vec4<f32>();
  var b = vec4<f32>();
  for (var i = group.x * ${lossThreads}u + thread; i < shape.pixels; i += shape.slices * ${lossThreads}u) {
    ${readTargets}
    let logit = logits[i];
    let t = sigmoid(logits[shape.pixels + i]);
    // The logit of B.
    let steep = ${loss.k} * (sigmoid(logit) - t);
    // Of a positive -log P = softplus(-logit), of a negative -log(1 - P) = softplus(logit).
    let probability_loss = softplus(select(logit, -logit, positive));
    keys[i] = select(0u, bitcast<u32>(probability_loss) + 1u, negative);
    #if ${maps === 2}
    let binary_loss = softplus(select(steep, -steep, positive));
    keys[shape.pixels + i] = select(0u, bitcast<u32>(binary_loss) + 1u, negative);
    #else
    let binary_loss = 0.0;
    #endif
    let b_value = sigmoid(steep);
    a += select(vec4<f32>(), vec4<f32>(probability_loss, binary_loss, b_value, 0.0), positive);
    a.w += select(0.0, b_value, counts);
    b += vec4<f32>(f32(positive), f32(negative), abs(t - threshold) * threshold_mask, threshold_mask);
  }
  first[thread] = a;
  second[thread] = b;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < ${lossThreads}u; i++) {
      a += first[i];
      b += second[i];
    }
    output[group.x * 2u] = a;
    output[group.x * 2u + 1u] = b;
  }
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [slices, 1, 1],
    flops: 80 * pixels,
    bytes: traffic(typed),
  };
}

/**
 * Adds the slices up and prepares mining: how many negatives of each map are kept, and an empty histogram.
 * Bindings: `source` (`[slices, 8]`), `totals` (8), `mining` (u32, 4 per map), `histogram` (u32, 256 per map).
 */
export function dbLossTotals({ label, pixels, loss }: DbLossShape): Kernel {
  const slices = lossSlices(pixels);
  const maps = minedMaps(loss);
  const shape = { slices };
  const typed: TypedBinding[] = [
    floats('source', slices * sumCount),
    floats('totals', sumCount, 'read_write'),
    { name: 'mining', access: 'read_write', bytes: maps * 16, type: 'vec4<u32>' },
    { name: 'histogram', access: 'read_write', bytes: maps * 1024, type: 'vec4<u32>' },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
var<workgroup> sums: array<f32, ${sumCount}>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  if (thread < ${sumCount}u) {
    var sum = 0.0;
    for (var slice = 0u; slice < shape.slices; slice++) { sum += source[slice * ${sumCount}u + thread]; }
    totals[thread] = sum;
    sums[thread] = sum;
  }
  workgroupBarrier();
  for (var i = thread; i < ${maps * 64}u; i += 64u) { histogram[i] = vec4<u32>(); }
  if (thread < ${maps}u) {
    let kept = u32(min(sums[${sums.negatives}], floor(sums[${sums.positives}] * ${loss.negativeRatio})));
    mining[thread] = vec4<u32>(0u, kept, 0u, kept);
  }
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [1, 1, 1],
    flops: slices * sumCount,
    bytes: traffic(typed),
  };
}
