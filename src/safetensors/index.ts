/** @file `dbnet-webgpu/safetensors`: a safetensors reader that trusts nothing, a loader and a writer. */

export { DBNetError, type DBNetErrorCode } from '../errors.ts';
export type { Dtype } from './dtypes.ts';
export type { TensorInfo } from './header.ts';
export { type BytesSource, type LoadOptions, type LoadProgress, loadBytes } from './load.ts';
export { parseSafetensors, type Safetensors } from './parse.ts';
export { type TensorData, writeSafetensors } from './write.ts';
