/** @file `dbnet-webgpu/train`: training of DBNet on WebGPU, in browsers, Deno and Node. */

export { DBNetError, type DBNetErrorCode } from '../errors.ts';
export type { TextPolygon } from './augment.ts';
export { augment } from './augment.ts';
export type { AugmentOptions } from './augment-options.ts';
export type { LossOption } from './loss.ts';
export type { Optimizer, OptimizerOptions } from './optimizer.ts';
export { Random } from './random.ts';
export { Trainer } from './trainer.ts';
export type {
  BatchMaps,
  OnTrainingProgress,
  StepResult,
  TrainerOptions,
  TrainingSample,
  TrainingSettings,
} from './types.ts';
