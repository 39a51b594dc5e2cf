/**
 * @file The nouns of the graph: layers in execution order, each a plain record that names its tensors.
 * Parameters are thunks, so that folding and composition cost nothing until a layer is uploaded, one at a time.
 */

import type { DbHeadWeights } from '../kernels/db-head.ts';
import type { WinogradSize } from '../kernels/winograd.ts';

/** Weights of a convolution, batch norm folded, f64. */
export interface ConvParameters {
  /** For each source `[out, in, kernel, kernel]`. Computed when read, so that a bias costs no folding of weights. */
  readonly weights: readonly Float64Array[];
  /** `[out]`; absent where nothing is added. */
  bias?: Float64Array;
}

export interface ConvLayer {
  op: 'conv2d';
  name: string;
  output: string;
  /** The tensors that are summed over, each with its window. */
  sources: readonly { tensor: string; kernel: number; stride: number; padding: number }[];
  /** What is added before the ReLU; see `Residual` of the kernel. */
  residuals: readonly { tensor: string; kind: 'same' | 'upsampled' | 'classes' }[];
  outChannels: number;
  bias: boolean;
  relu: boolean;
  /** The source is meant nearest-upsampled by this factor; the output holds class images. */
  upsampledBy?: number;
  /** The source and the output have this many planes, each with its weights `[plane, out, in]`; see `WinogradProducts`. */
  planes?: number;
  parameters: () => ConvParameters;
}

export interface MaxPoolLayer {
  op: 'maxPool';
  name: string;
  output: string;
  input: string;
}

export interface UpsampleAddLayer {
  op: 'upsampleAdd';
  name: string;
  output: string;
  lateral: string;
  /** Half the size of `lateral`. */
  top: string;
}

export interface UpsampleConcatLayer {
  op: 'upsampleConcat';
  name: string;
  output: string;
  /** In the order of concatenation. */
  inputs: readonly string[];
  /** By how much each is upsampled; 1 for the largest. */
  scales: readonly number[];
}

export interface DbHeadLayer {
  op: 'dbHead';
  name: string;
  /** `[P]` or `[P, T, B]`. */
  outputs: readonly string[];
  /** The tensor that takes the mask as bits, if it is written; see {@link dbHead}. */
  mask?: string;
  /** One tensor per head, or one that holds both. */
  features: readonly string[];
  channels: number;
  k: number;
  /** One or two heads. */
  parameters: () => DbHeadWeights[];
}

/** The stem's convolution (7x7, stride 2) with ReLU, and max-pooling. */
export interface StemPoolLayer {
  op: 'stemPool';
  name: string;
  output: string;
  input: string;
  outChannels: number;
  parameters: () => ConvParameters;
}

/** Winograd's input transform of a tensor: `[tiles, channels]` for each plane. */
export interface WinogradInputLayer {
  op: 'winogradInput';
  name: string;
  output: string;
  input: string;
  size: WinogradSize;
}

/** Winograd's output transform of the products, and the epilogue of the convolution. */
export interface WinogradOutputLayer
  extends Pick<ConvLayer, 'name' | 'output' | 'residuals' | 'outChannels' | 'bias' | 'relu' | 'parameters'> {
  op: 'winogradOutput';
  input: string;
  /** The tensor that the convolution was of: the output has its size. */
  like: string;
  size: WinogradSize;
}

export type Layer =
  | StemPoolLayer
  | WinogradInputLayer
  | WinogradOutputLayer
  | ConvLayer
  | MaxPoolLayer
  | UpsampleAddLayer
  | UpsampleConcatLayer
  | DbHeadLayer;

/** A network: `input` is the image `[height, width, 4]` (the fourth channel unused). */
export interface Graph {
  input: string;
  layers: readonly Layer[];
  outputs: readonly string[];
}

/** The tensors that a layer reads. */
export function layerInputs(layer: Layer): readonly string[] {
  switch (layer.op) {
    case 'conv2d':
      return [...layer.sources, ...layer.residuals].map(({ tensor }) => tensor);
    case 'maxPool':
    case 'stemPool':
    case 'winogradInput':
      return [layer.input];
    case 'winogradOutput':
      return [layer.input, ...layer.residuals.map(({ tensor }) => tensor)];
    case 'upsampleAdd':
      return [layer.lateral, layer.top];
    case 'upsampleConcat':
      return layer.inputs;
    case 'dbHead':
      return layer.features;
  }
}

/** The tensors that a layer writes. */
export function layerOutputs(layer: Layer): readonly string[] {
  if (layer.op !== 'dbHead') return [layer.output];
  return layer.mask === undefined ? layer.outputs : [...layer.outputs, layer.mask];
}
