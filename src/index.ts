/** @file `dbnet-webgpu`: scene text detection on WebGPU. */

export { TextDetector } from './detector/detector.ts';
export type * from './detector/types.ts';
export { DBNetError, type DBNetErrorCode } from './errors.ts';
export type { RegionOptions } from './postprocess/types.ts';
