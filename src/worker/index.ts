/** @file `dbnet-webgpu/worker`: a detector in a worker of its own. */

export { DBNetError, type DBNetErrorCode } from '../errors.ts';
export { createWorkerDetector, type WorkerDetector } from './detector.ts';
export type * from './types.ts';
