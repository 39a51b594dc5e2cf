/**
 * @file The loss of DBNet: its nouns, and how its kernels pass their sums on.
 *
 * loss = a Ls + b Lb + c Lt (paper, eq. 6). Ls: binary cross-entropy of P, over the positives and the hardest
 * negatives, `negativeRatio` for each positive of the whole batch. Lb: the same of B (paper), or Dice of B (the
 * authors' code). Lt: masked L1 of T. Weights of the authors' code: 5, 1, 10; of the paper: 1, 1, 10.
 *
 * Kernels in order: `dbLossTerms` (what each pixel loses, sums in slices), `dbLossTotals`; per digit of the keys
 * `miningHistogram` and `miningSelect`; `minedSums`, `dbLossParts`; `dbLossGradient`.
 */

export interface DbLossShape {
  label: string;
  /** Pixels of all images together, below {@link pixelLimit}. */
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
export const lossFunctions = `
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
export const readTargets = `let counts = targets[shape.pixels + i] > 0.5;
    let positive = counts & (targets[i] > 0.5);
    let negative = counts & !positive;
    let threshold = targets[2u * shape.pixels + i];
    let threshold_mask = targets[3u * shape.pixels + i];`;
