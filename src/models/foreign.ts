/** @file The readers of other formats than ours, in a file of their own: loaded when such a file is met. */

export { networkOfOnnx } from '../onnx/network.ts';
export { readOnnx } from '../onnx/read.ts';
export { readTorch } from '../torch/index.ts';
