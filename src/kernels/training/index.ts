/** @file The kernels of training, as `dbnet-webgpu/kernels` exports them: gradients, the loss, the optimizers. f32 only. */

export {
  type BatchNormBackward,
  batchNormBackward,
  batchNormSums,
  reluBackward,
} from './batch-norm-backward.ts';
export { type BatchNormForward, batchNormForward } from './batch-norm-forward.ts';
export { type BatchNormMode, type BatchNormShape, pixelSlices } from './batch-norm-shape.ts';
export { batchNormCombine, batchNormStatistics } from './batch-norm-statistics.ts';
export { type BlocksToImage, blocksToImage, imageToBlocks } from './blocks-to-image.ts';
export { type Conv2dWeightGradient, conv2dWeightGradient } from './conv2d-weight-gradient.ts';
export { dbLossGradient } from './db-loss-gradient.ts';
export { dbLossParts } from './db-loss-parts.ts';
export type { DbLoss, DbLossShape } from './db-loss-shape.ts';
export { dbLossTerms, dbLossTotals } from './db-loss-terms.ts';
export { gradientVerdict, sumOfSquares } from './gradient-norm.ts';
export { minedSums, miningHistogram, miningSelect } from './hard-negative-mining.ts';
export { type MaxPoolBackward, maxPoolBackward } from './max-pool-backward.ts';
export { type NormalizePixels, normalizePixels } from './normalize-pixels.ts';
export {
  type AdamW,
  adamWStep,
  adamWUniforms,
  copyIfFinite,
  movingAverage,
  type Sgd,
  sgdStep,
  sgdUniforms,
} from './optimizer-step.ts';
export { pixelSums } from './pixel-sums.ts';
export { repeatVector } from './repeat-vector.ts';
export { type SumSlices, sumSlices } from './sum-slices.ts';
export { type TransposeWeights, transposeWeights } from './transpose-weights.ts';
export { type UpsampleBackward, upsampleBackward } from './upsample-backward.ts';
