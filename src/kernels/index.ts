/**
 * @file `dbnet-webgpu/kernels`: the compute shaders as plain descriptions. A function of shape and options gives
 * label, WGSL, bindings, dispatch, flops and bytes; no device is touched.
 */

export type { Activation } from './activation.ts';
export {
  type ChannelGate,
  type ChannelSums,
  channelGate,
  channelSums,
  type GateWeights,
  gateSlices,
  packGate,
  scaleChannels,
} from './channel-gate.ts';
export { type Conv2d, type ConvSource, conv2d, packBias, packConvWeights } from './conv2d.ts';
export type { Affine, Residual } from './conv2d-epilogue.ts';
export { type Convolution, convolution, gemmOf, multiplyAdds } from './convolution.ts';
export { type DbHead, type DbHeadWeights, dbHead, maskUniforms, packDbHead } from './db-head.ts';
export {
  columnChannels,
  columnWeights,
  type DeformColumns,
  deformColumns,
} from './deform-conv2d.ts';
export { type DepthwiseConv2d, depthwiseConv2d, packDepthwiseWeights } from './depthwise-conv2d.ts';
export { type Binding, type F32, f32, type Kernel, type UniformValues, uniformWords } from './kernel.ts';
export { type MaxPool, maxPool } from './max-pool.ts';
export { backgroundUniforms, type Preprocess, preprocess, resizeTable } from './preprocess.ts';
export {
  type DirectTile,
  type Tile,
  tileName,
  tileThreads,
  tileUse,
  tileWorkgroupBytes,
  type WorkgroupTile,
} from './tile.ts';
export type { Gemm } from './tile-loop.ts';
export * from './train/index.ts';
export { type UpsampleAdd, upsampleAdd } from './upsample-add.ts';
export { type UpsampleClass, upsampleClasses } from './upsample-classes.ts';
export { type UpsampleConcat, upsampleConcat } from './upsample-concat.ts';
export { packUpsampledConvWeights, type UpsampledConv2d, upsampledConv2d } from './upsampled-conv2d.ts';
export type { Precision } from './wgsl.ts';
export { type WinogradSize, winogradPlanes, winogradTiles } from './winograd.ts';
export { type WinogradInput, winogradInput } from './winograd-input.ts';
export { type WinogradOutput, winogradOutput } from './winograd-output.ts';
export { type WinogradProducts, winogradProducts } from './winograd-products.ts';
export { type WinogradWeights, winogradWeights } from './winograd-weights.ts';
