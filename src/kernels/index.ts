/**
 * @file `dbnet-webgpu/kernels`: the compute shaders as plain descriptions. A function of shape and options gives
 * label, WGSL, bindings, dispatch, flops and bytes; no device is touched.
 */

export { conv2d } from './conv2d.ts';
export {
  type Conv2d,
  type ConvSource,
  classCount,
  multiplyAdds,
  type Residual,
  type UpsampleClass,
  upsampleClasses,
  weightRows,
} from './conv2d-shape.ts';
export { packConvWeights } from './conv2d-weights.ts';
export { fitsWorkgroupTile } from './conv2d-workgroup.ts';
export { type DbHead, type DbHeadWeights, dbHead, packDbHead } from './db-head.ts';
export type { Binding, Kernel } from './kernel.ts';
export { type MaxPool, maxPool } from './max-pool.ts';
export { type Preprocess, packRgb, preprocess, resizeTable } from './preprocess.ts';
export {
  type DirectTile,
  type Tile,
  tileName,
  tileThreads,
  tileWorkgroupBytes,
  type WorkgroupTile,
} from './tile.ts';
export * from './training/index.ts';
export { type UpsampleAdd, upsampleAdd } from './upsample-add.ts';
export { type UpsampleConcat, upsampleConcat } from './upsample-concat.ts';
export type { Precision } from './wgsl.ts';
export {
  type WinogradSize,
  winogradPlanes,
  winogradTiles,
  winogradWeights,
} from './winograd.ts';
export { type WinogradInput, winogradInput } from './winograd-input.ts';
export { type WinogradOutput, winogradOutput } from './winograd-output.ts';
