/** @file The nouns of training: what goes into a trainer and what comes out. */

import type { ImageSource, InputRecipe, Rgb } from '../input/types.ts';
import type { LabelMapOptions } from '../labels/types.ts';
import type { BytesSource } from '../safetensors/load.ts';
import type { Web } from '../web.ts';
import type { TextPolygon } from './augmentation/augment.ts';
import type { AugmentOptions } from './augmentation/augment-options.ts';
import type { LossOption } from './loss.ts';
import type { OptimizerOptions } from './optimizer.ts';

/** An image with its labels. */
export interface TrainingSample {
  image: ImageSource;
  /** Outlines of its texts, pixels of the image; none at all is background. */
  polygons: readonly TextPolygon[];
}

/** How a trainer trains. */
export interface TrainingSettings {
  /** Default: `{ kind: 'adamw' }`, which fine-tunes. The authors': `{ kind: 'sgd', schedule: { kind: 'poly', steps } }`. */
  optimizer?: OptimizerOptions;
  /** Default: `authors`. */
  loss?: LossOption;
  /**
   * `frozen`: batch norm uses the running statistics of the weights and leaves them as they are (PyTorch's evaluation
   * mode); its scale and shift are trained. `batch`: the statistics of each batch, as the paper trains. Default:
   * `frozen` for given weights, `batch` for random ones.
   */
  batchNorm?: 'frozen' | 'batch';
  /** Side of the square crops, a multiple of 32. Default: 640. */
  cropSize?: number;
  /** Decides random weights and all augmentation. Default: 0. */
  seed?: number;
  /** The authors' augmentation by default; `false`: the whole image, fitted to the crop. */
  augment?: Omit<AugmentOptions, 'cropSize' | 'augment' | 'background'> | false;
  /** What transparent pixels of images are composed over. Default white, as for `detect()`. */
  background?: Rgb;
  /** How label maps are drawn. */
  labels?: Partial<LabelMapOptions>;
}

/** Options of `Trainer.create()`. One of `weights`, `init` and `resume` says where to start. */
export interface TrainerOptions extends TrainingSettings {
  /** Weights to fine-tune: a DB-ResNet with both heads and plain convolutions, of any format that TextDetector opens. */
  weights?: BytesSource;
  /** `random`: from scratch. */
  init?: 'random';
  /**
   * What `saveState()` gave: training goes on exactly where it stood. Settings are those of the state; any that are
   * given must be the same. A state that is not as it was saved, by its checksum, is refused.
   */
  resume?: BytesSource;
  /** Where `navigator.gpu` is missing: in Node what `create()` of the package `webgpu` returns. */
  gpu?: GPU;
  /** A device of the caller's. It is never destroyed by the trainer. */
  device?: GPUDevice;
  /** Overrides the input recipe of the weights; with `init: 'random'` it states it (default: ImageNet's, RGB). */
  input?: Partial<InputRecipe>;
  onProgress?: OnTrainingProgress;
  signal?: Web<'AbortSignal'>;
}

/** `done` and `total` are bytes for `weights`, shaders for `compile`, floating-point operations for `step`. */
export type OnTrainingProgress = (progress: {
  stage: 'weights' | 'compile' | 'step';
  done: number;
  total: number;
}) => void;

/** What one step came to. */
export interface StepResult {
  /** Steps done, this one included. */
  step: number;
  /** The whole loss of the batch, before the step. */
  loss: number;
  /** Its parts, not yet weighted: of P (cross-entropy), of B (Dice or cross-entropy), of T (L1). */
  parts: { probability: number; binary: number; threshold: number };
  /** Norm of the whole gradient, before clipping. */
  gradientNorm: number;
  learningRate: number;
  /** Pixels that counted in the cross-entropy of P: all positives, and the negatives that were mined. */
  pixels: { positives: number; negatives: number };
  /** Milliseconds: cutting crops and drawing label maps, the step on the device, both together. */
  timings: { batch: number; device: number; total: number };
}

/** The maps of the last step's crops, as they were before its update. */
export interface BatchMaps {
  /** `[count, height, width]` each. */
  P: Float32Array;
  T: Float32Array;
  B: Float32Array;
  count: number;
  width: number;
  height: number;
}
