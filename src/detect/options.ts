/** @file What the calls of a detector take, and what each option must be. */

import {
  abortSignal,
  anything,
  boolean,
  callback,
  type Kinds,
  kind,
  oneOf,
  positive,
  whole,
} from '../check.ts';
import { gpuKinds } from '../gpu/device.ts';
import { rgb } from '../input/background.ts';
import type { Preprocess } from '../kernels/preprocess.ts';
import { regionKinds } from '../postprocess/options.ts';
import type { Outputs } from './engine.ts';
import type { CreateOptions, DetectOptions, MapsOptions, StreamOptions, TuneOptions } from './types.ts';

/** Options of {@link TextDetector.warmup}. */
export interface WarmupOptions {
  image?: { width: number; height: number; channels?: Preprocess['source'] };
  outputs?: Outputs;
}

export const warmupChannels = oneOf(1, 3, 4, 'texture', 'external');

const callKinds: Kinds<Pick<MapsOptions, 'onProgress' | 'signal'>> = {
  onProgress: callback,
  signal: abortSignal,
};
export const createKinds: Kinds<CreateOptions> = {
  weights: anything,
  cache: boolean,
  sha256: kind(
    '64 hexadecimal digits',
    (value) => typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value),
  ),
  ...gpuKinds,
  onDeviceLost: callback,
  input: anything,
  precision: oneOf('f32', 'f16', 'auto'),
  tune: oneOf('off', 'cached', 'full'),
  maxCachedSizes: whole(1),
  selfTest: boolean,
  ...callKinds,
};
export const supportKinds: Kinds<Pick<CreateOptions, 'gpu'>> = { gpu: gpuKinds.gpu };
export const mapsKinds: Kinds<MapsOptions> = {
  size: anything,
  regionOfInterest: anything,
  background: rgb,
  ...callKinds,
};
export const detectKinds: Kinds<DetectOptions> = {
  ...regionKinds,
  binarize: oneOf('P', 'B'),
  maps: boolean,
  split: boolean,
  ...mapsKinds,
};
export const streamKinds: Kinds<StreamOptions> = { ...detectKinds, inFlight: anything };
export const warmupKinds: Kinds<WarmupOptions> = { image: anything, outputs: oneOf('P', 'PTB') };
export const tuneKinds: Kinds<TuneOptions> = { budgetMs: positive, ...callKinds };
