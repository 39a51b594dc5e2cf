/**
 * @file The loss of DBNet and its gradient, in kernels that pass their sums on.
 *
 * loss = a Ls + b Lb + c Lt (paper, eq. 6). Ls: binary cross-entropy of P, over the positives and the hardest
 * negatives, `negativeRatio` for each positive of the whole batch. Lb: the same of B (paper), or Dice of B (the
 * authors' code). Lt: masked L1 of T. Weights of the authors' code: 5, 1, 10; of the paper: 1, 1, 10.
 *
 * Kernels in order: `dbLossTerms` (what each pixel loses, sums in slices), `dbLossTotals`; per digit of the keys
 * `miningHistogram` and `miningSelect`; `minedSums` (`hard-negative-mining.ts`); `dbLossParts`; `dbLossGradient`.
 *
 * Through B, with x = P - T, the gradient of its cross-entropy is -k (1 - B) for a positive and k B for a negative
 * (paper, eq. 5): the factor k is what makes binarization train.
 */

import { declare, type Kernel, type TypedBinding, traffic } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';
import { floats, perItem } from './elementwise.ts';

export interface DbLossShape {
  label: string;
  /** Pixels of all images together, below `pixelLimit`. */
  pixels: number;
  loss: DbLoss;
}

export interface DbLoss {
  /** Weights of Ls, Lb and Lt. */
  weights: { probability: number; binary: number; threshold: number };
  /** What Lb is. */
  binary: 'dice' | 'bce';
  /** Negatives that are kept per positive. */
  negativeRatio: number;
  /** Steepness of the binarization, paper eq. 2. */
  k: number;
}

/** Counts are kept as f32, which knows every whole number below this. */
export const pixelLimit = 2 ** 24;

/** Added to denominators, as in the authors' code. */
export const lossEpsilon = 1e-6;

/** Threads of a workgroup that sums. The first adds up what the others found: one barrier, where a tree has many. */
export const lossThreads = 64;

/** Workgroups that take sums: each writes one slice. */
export const lossSlices = (pixels: number): number => Math.min(128, Math.ceil(pixels / lossThreads));

/** Maps whose negatives are mined: P, and B where its loss is a cross-entropy. */
export const minedMaps = ({ binary }: DbLoss): number => (binary === 'bce' ? 2 : 1);

/** What a slice sums, in order. */
export const sums = {
  /** Cross-entropy of the positives: of P, of B. */
  positiveProbability: 0,
  positiveBinary: 1,
  /** Dice: sum of B g, of B, and of g, inside the mask. */
  intersection: 2,
  binary: 3,
  positives: 4,
  negatives: 5,
  /** |T - target| and the number of pixels inside the threshold mask. */
  threshold: 6,
  thresholdPixels: 7,
} as const;

/** What `dbLossParts` writes, in order: the losses first, then the factors of the gradient. */
export const parts = {
  total: 0,
  probability: 1,
  binary: 2,
  threshold: 3,
  positives: 4,
  /** Negatives kept. */
  mined: 5,
  /** Factor of each pixel's gradient of Ls, Lb (cross-entropy) and Lt, weights included. */
  probabilityFactor: 6,
  binaryFactor: 7,
  thresholdFactor: 8,
  /** Dice: d Lb / d B = mask (diceAll + diceInside g). */
  diceAll: 9,
  diceInside: 10,
} as const;

/** Numbers that `dbLossParts` writes. */
export const partCount = 12;

/**
 * The state of mining, per mined map: the key of the weakest negative kept as far as it is known, how many negatives
 * are to be kept with that key, how many have it, how many are kept in all.
 */
export const mining = { key: 0, remaining: 1, ties: 2, kept: 3, words: 4 } as const;

/** The functions of logits that several kernels need. */
const lossFunctions = `
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }
// log(1 + exp(x)), without the cancellation of log(1 + small): log(1 + e) = 2 artanh(e / (2 + e)).
fn softplus(x: f32) -> f32 {
  let e = exp(-abs(x));
  let s = e / (2.0 + e);
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
  return max(x, 0.0) + 2.0 * s * series;
}`;

/**
 * WGSL: what the targets say of pixel `i`. They are four maps, one after the other: probability (0 or 1), its mask,
 * threshold, its mask.
 */
const readTargets = `let counts = targets[shape.pixels + i] > 0.5;
    let positive = counts & (targets[i] > 0.5);
    let negative = counts & !positive;
    let threshold = targets[2u * shape.pixels + i];
    let threshold_mask = targets[3u * shape.pixels + i];`;

/** Numbers that a slice sums. */
export const sumCount = Object.keys(sums).length;

/**
 * Writes for each mined map and pixel a key by which negatives are ordered: the bits of their loss plus 1 (losses are
 * not negative, so that their bits order like they do), 0 for all others; and per slice the `sums`.
 * Bindings: `logits` (of P, of T), `targets` (see `readTargets`), `keys` (u32), `output` (f32, `[slices, 8]`).
 *
 * @example
 * const { code, bindings, dispatch } = dbLossTerms({
 *   label: 'loss',
 *   pixels: 640 * 640,
 *   loss: { weights: { probability: 5, binary: 1, threshold: 10 }, binary: 'dice', negativeRatio: 3, k: 50 },
 * });
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
 *
 * @example
 * const { code, bindings, dispatch } = dbLossTotals({
 *   label: 'loss',
 *   pixels: 640 * 640,
 *   loss: { weights: { probability: 5, binary: 1, threshold: 10 }, binary: 'dice', negativeRatio: 3, k: 50 },
 * });
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

/**
 * Bindings: `totals` (8), `mined` (`[slices]` per map), `mining`, `output` (f32, `parts`).
 * A batch without positives has no Ls and, if it is mined, no Lb; one without a threshold mask no Lt.
 *
 * @example
 * const { code, bindings, dispatch } = dbLossParts({
 *   label: 'loss',
 *   pixels: 640 * 640,
 *   loss: { weights: { probability: 5, binary: 1, threshold: 10 }, binary: 'dice', negativeRatio: 3, k: 50 },
 * });
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

/**
 * Bindings: `logits` (of P, of T), `targets`, `keys`, `mining`, `parts`, `output` (by the logits of P, of T); f32.
 *
 * @example
 * const { code, bindings, dispatch } = dbLossGradient({
 *   label: 'loss',
 *   pixels: 640 * 640,
 *   loss: { weights: { probability: 5, binary: 1, threshold: 10 }, binary: 'dice', negativeRatio: 3, k: 50 },
 * });
 */
export function dbLossGradient({ label, pixels, loss }: DbLossShape): Kernel {
  const maps = minedMaps(loss);
  const part = (name: keyof typeof parts) => `parts[${parts[name]}]`;
  return perItem({
    label,
    items: pixels,
    typed: [
      floats('logits', 2 * pixels),
      floats('targets', 4 * pixels),
      { name: 'keys', access: 'read', bytes: maps * pixels * 4, type: 'u32' },
      { name: 'mining', access: 'read', bytes: maps * 16, type: 'vec4<u32>' },
      floats('parts', partCount),
      floats('output', 2 * pixels, 'read_write'),
    ],
    shape: { pixels },
    functions: `${lossFunctions}
// How much of a negative counts: all of it above the weakest key kept, a share where it ties with it.
fn kept(pixel: u32, map: u32) -> f32 {
  let key = keys[map * shape.pixels + pixel];
  let state = mining[map];
  if (key < state.x) { return 0.0; }
  return select(1.0, f32(state.y) / f32(state.z), key == state.x);
}`,
    body: wgsl`let i = item;
    ${readTargets}
  let p = sigmoid(logits[i]);
  let t = sigmoid(logits[shape.pixels + i]);
  let b = sigmoid(${loss.k} * (p - t));
  var by_logit = 0.0;
  // By x = P - T.
  var by_difference = 0.0;
  if (positive) { by_logit = ${part('probabilityFactor')} * (p - 1.0); }
  if (negative) { by_logit = ${part('probabilityFactor')} * kept(i, 0u) * p; }
  #if ${maps === 2}
  if (positive) { by_difference = ${part('binaryFactor')} * (b - 1.0); }
  if (negative) { by_difference = ${part('binaryFactor')} * kept(i, 1u) * b; }
  #else
  if (counts) {
    by_difference = (${part('diceAll')} + select(0.0, ${part('diceInside')}, positive)) * ${loss.k} * b * (1.0 - b);
  }
  #endif
  let by_threshold = ${part('thresholdFactor')} * sign(t - threshold) * threshold_mask;
  output[i] = by_logit + by_difference * p * (1.0 - p);
  output[shape.pixels + i] = (by_threshold - by_difference) * t * (1.0 - t);`,
    flops: 60,
  });
}
