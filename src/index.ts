/** @file `dbnet-webgpu`: scene text detection on WebGPU. */

export { TextDetector } from './detect/detector.ts';
export type * from './detect/types.ts';
export { DBNetError, type DBNetErrorCode } from './errors.ts';
export type * from './input/types.ts';
export type { RegionOptions } from './postprocess/types.ts';
export { readingOrder } from './regions/reading-order.ts';
export { type Crop, type RectifyOptions, rectify } from './regions/rectify.ts';
