/** @file The loss in parts, and the factors that the gradient of every pixel has in common. */

import { declare, type Kernel, type TypedBinding, traffic } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import {
  type DbLossShape,
  lossEpsilon,
  lossSlices,
  minedMaps,
  partCount,
  parts,
  sums,
} from './db-loss-shape.ts';
import { sumCount } from './db-loss-terms.ts';
import { floats } from './elementwise.ts';

/**
 * Bindings: `totals` (8), `mined` (`[slices]` per map), `mining`, `output` (f32, {@link parts}).
 * A batch without positives has no Ls and, if it is mined, no Lb; one without a threshold mask no Lt.
 */
export function dbLossParts({ label, pixels, loss }: DbLossShape): Kernel {
  const maps = minedMaps(loss);
  const slices = lossSlices(pixels);
  const shape = { slices };
  const { probability, binary, threshold } = loss.weights;
  const typed: TypedBinding[] = [
    floats('totals', sumCount),
    floats('mined', maps * slices),
    { name: 'mining', access: 'read', bytes: maps * 16, type: 'vec4<u32>' },
    floats('output', partCount, 'read_write'),
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
// Cross-entropy of the positives and of the negatives kept, and what its sum was divided by.
fn balanced(positive_loss: f32, map: u32) -> vec2<f32> {
  let state = mining[map];
  var sum = positive_loss;
  for (var slice = 0u; slice < shape.slices; slice++) { sum += mined[map * shape.slices + slice]; }
  if (state.w > 0u) { sum += f32(state.y) * bitcast<f32>(state.x - 1u); }
  let count = totals[${sums.positives}] + f32(state.w) + ${lossEpsilon};
  return vec2<f32>(sum / count, count);
}

@compute @workgroup_size(1)
fn main() {
  let of_probability = balanced(totals[${sums.positiveProbability}], 0u);
  #if ${maps === 2}
  let of_binary = balanced(totals[${sums.positiveBinary}], 1u);
  let binary_loss = of_binary.x;
  output[${parts.binaryFactor}] = ${binary} * ${loss.k} / of_binary.y;
  output[${parts.diceAll}] = 0.0;
  output[${parts.diceInside}] = 0.0;
  #else
  let intersection = totals[${sums.intersection}];
  let union_ = totals[${sums.binary}] + totals[${sums.positives}] + ${lossEpsilon};
  let binary_loss = 1.0 - 2.0 * intersection / union_;
  output[${parts.binaryFactor}] = 0.0;
  output[${parts.diceAll}] = ${binary} * 2.0 * intersection / (union_ * union_);
  output[${parts.diceInside}] = -(${binary} * 2.0 / union_);
  #endif
  let pixels = totals[${sums.thresholdPixels}];
  let threshold_loss = select(0.0, totals[${sums.threshold}] / max(pixels, ${lossEpsilon}), pixels > 0.0);
  output[${parts.total}] = ${probability} * of_probability.x + ${binary} * binary_loss + ${threshold} * threshold_loss;
  output[${parts.probability}] = of_probability.x;
  output[${parts.binary}] = binary_loss;
  output[${parts.threshold}] = threshold_loss;
  output[${parts.positives}] = totals[${sums.positives}];
  output[${parts.mined}] = f32(mining[0].w);
  output[${parts.probabilityFactor}] = ${probability} / of_probability.y;
  output[${parts.thresholdFactor}] = select(0.0, ${threshold} / max(pixels, ${lossEpsilon}), pixels > 0.0);
  output[${partCount - 1}] = 0.0;
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [1, 1, 1],
    flops: maps * slices,
    bytes: traffic(typed),
  };
}
