/** @file `dbnet-webgpu/train`: training of DBNet on WebGPU, in browsers, Deno and Node. */

export { DBNetError, type DBNetErrorCode } from '../errors.ts';
export type { TextPolygon } from './augmentation/augment.ts';
export { augment } from './augmentation/augment.ts';
export type { AugmentOptions } from './augmentation/augment-options.ts';
export { Random } from './augmentation/random.ts';
export type { LossOption } from './loss.ts';
export type { Optimizer, OptimizerOptions } from './optimizer.ts';
export { Trainer } from './trainer.ts';
export type {
  BatchMaps,
  OnTrainingProgress,
  StepResult,
  TrainerOptions,
  TrainingSample,
  TrainingSettings,
} from './types.ts';
