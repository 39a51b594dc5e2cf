/** @file The kernels of training, as `dbnet-webgpu/kernels` exports them: gradients, the loss, the optimizers. f32 only. */

export {
  type BatchNormBackward,
  type BatchNormForward,
  type BatchNormMode,
  type BatchNormShape,
  batchNormBackward,
  batchNormCombine,
  batchNormForward,
  batchNormStatistics,
  batchNormSums,
  reluBackward,
} from './batch-norm.ts';
export { type BlocksToImage, blocksToImage, imageToBlocks } from './blocks-to-image.ts';
export { type Conv2dWeightGradient, conv2dWeightGradient } from './conv2d-weight-gradient.ts';
export {
  type DbLoss,
  type DbLossShape,
  dbLossGradient,
  dbLossParts,
  dbLossTerms,
  dbLossTotals,
} from './db-loss.ts';
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
export { repeatVector } from './repeat-vector.ts';
export { pixelSlices, pixelSums, type SumSlices, sumSlices } from './slices.ts';
export { type TransposeWeights, transposeWeights } from './transpose-weights.ts';
export { type UpsampleBackward, upsampleBackward } from './upsample-backward.ts';
