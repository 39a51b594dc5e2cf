/**
 * @file Lowering: from a graph and a size to a plan, the list of kernels with the buffers they read and write.
 * Still plain data; the runtime turns a plan into pipelines, buffers and bind groups.
 */

import { type Conv2d, packBias, packConvWeights } from '../kernels/conv2d.ts';
import type { Residual } from '../kernels/conv2d-epilogue.ts';
import { type Convolution, convolution } from '../kernels/convolution.ts';
import { dbHead, packDbHead } from '../kernels/db-head.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { maxPool } from '../kernels/max-pool.ts';
import { type Preprocess, preprocess } from '../kernels/preprocess.ts';
import { stemPool } from '../kernels/stem-pool.ts';
import type { Tile } from '../kernels/tile.ts';
import { upsampleAdd } from '../kernels/upsample-add.ts';
import { upsampleConcat } from '../kernels/upsample-concat.ts';
import { packUpsampledConvWeights } from '../kernels/upsampled-conv2d.ts';
import { elementBytes, type Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { winogradInput } from '../kernels/winograd-input.ts';
import { type WinogradOutput, winogradOutput } from '../kernels/winograd-output.ts';
import { packWinogradWeights } from '../kernels/winograd-products.ts';
import { assignBuffers } from './assign-buffers.ts';
import { elementCount, inferShapes, type TensorShape } from './infer-shapes.ts';
import {
  type ConvLayer,
  type DbHeadLayer,
  type Graph,
  type Layer,
  layerOutputs,
  type StemPoolLayer,
  type WinogradOutputLayer,
} from './layers.ts';

/**
 * What a binding of a kernel holds.
 * `tensor`: an activation in one of the plan's buffers; `constant`: weights, the same for all sizes;
 * `external`: what the caller provides for each run.
 */
export type Resource =
  | { kind: 'tensor'; name: string }
  | { kind: 'constant'; name: string }
  | { kind: 'external'; name: string };

export interface PlanStep {
  kernel: Kernel;
  /** One per binding of the kernel but the last, its shape. */
  resources: readonly Resource[];
}

export interface Constant {
  /** Type in which it is stored on the device. */
  precision: Precision;
  /** Computes the values; called once per device. */
  data: () => Float32Array<ArrayBuffer>;
}

export interface Plan {
  steps: readonly PlanStep[];
  /** Values that do not depend on the size, by name. */
  constants: ReadonlyMap<string, Constant>;
  /** Bytes of each activation buffer. */
  bufferSizes: readonly number[];
  tensors: ReadonlyMap<string, { buffer: number; bytes: number }>;
}

/** The plan of a graph: its tensors are images. */
export interface GraphPlan extends Plan {
  tensors: ReadonlyMap<string, { buffer: number; bytes: number; shape: TensorShape }>;
}

/** How kernels are chosen. */
export interface KernelChoice {
  precision: Precision;
  /** The tile for a convolution. */
  tile: (conv: Convolution) => Tile;
  /** Winograd's size for a 3x3 convolution of stride 1, or undefined for the plain form. */
  winograd: (conv: Conv2d) => WinogradSize | undefined;
  /** Feature pixels per thread of the DB head. */
  headPixels: number;
}

/** What of it a plan needs: where Winograd's filtering is used stands in the graph. */
export type PlanChoice = Omit<KernelChoice, 'winograd'>;

/** The image side of a plan: where pixels come from and how they are normalised. */
export type PlanInput = Pick<Preprocess, 'source' | 'channelOrder' | 'mean' | 'std'>;

/** Names of the external resources of the first step; see `preprocess`. */
export const externals = { source: 'source', resize: 'resize' } as const;

/**
 * The plan of `graph` at `size` (multiples of 32), from the image's pixels to the maps.
 * @param keep tensors whose buffers no later tensor takes, so that they can be read after a run: `all`, or names.
 * @throws Error for a name that the graph, as it is fused, does not have.
 */
export function plan(
  graph: Graph,
  size: { width: number; height: number },
  input: PlanInput,
  choice: PlanChoice,
  { keep = [] }: { keep?: 'all' | readonly string[] } = {},
): GraphPlan {
  const shapes = inferShapes(graph, size);
  const kept = keep === 'all' ? [...shapes.keys()] : keep;
  const unknown = kept.find((tensor) => !shapes.has(tensor));
  if (unknown !== undefined) {
    throw new Error(`the graph has no tensor '${unknown}', only ${[...shapes.keys()].join(', ')}`);
  }
  const shapeOf = (tensor: string): TensorShape => shapes.get(tensor)!;
  const bytesOf = (tensor: string): number =>
    // Maps are always f32 (B depends on small differences of P and T), the mask is u32.
    elementCount(shapeOf(tensor)) * (graph.outputs.includes(tensor) ? 4 : elementBytes(choice.precision));
  const { sizes, bufferOf } = assignBuffers(graph, bytesOf, kept);
  const constants = new Map<string, Constant>();
  const first: PlanStep = {
    kernel: preprocess({ label: 'preprocess', ...size, ...input }, choice),
    resources: [
      { kind: 'external', name: externals.source },
      { kind: 'external', name: externals.resize },
      { kind: 'tensor', name: graph.input },
    ],
  };
  const steps = graph.layers.map((layer) => lower(layer, shapeOf, choice, constants));
  return {
    steps: [first, ...steps],
    constants,
    bufferSizes: sizes,
    tensors: new Map(
      [...shapes].map(([name, shape]) => [
        name,
        { buffer: bufferOf.get(name)!, bytes: bytesOf(name), shape },
      ]),
    ),
  };
}

function lower(
  layer: Layer,
  shapeOf: (tensor: string) => TensorShape,
  choice: PlanChoice,
  constants: Map<string, Constant>,
): PlanStep {
  const tensors = (...names: string[]): Resource[] => names.map((name) => ({ kind: 'tensor', name }));
  switch (layer.op) {
    case 'conv2d':
      return lowerConv(layer, shapeOf, choice, constants);
    case 'maxPool':
      return {
        kernel: maxPool({ label: layer.name, ...shapeOf(layer.input) }, choice),
        resources: tensors(layer.input, layer.output),
      };
    case 'stemPool':
      return lowerStem(layer, shapeOf, choice, constants);
    case 'winogradInput':
      return {
        kernel: winogradInput({ label: layer.name, ...shapeOf(layer.input), size: layer.size }, choice),
        resources: tensors(layer.input, layer.output),
      };
    case 'winogradOutput':
      return lowerWinogradOutput(layer, shapeOf, choice, constants);
    case 'upsampleAdd':
      return {
        kernel: upsampleAdd({ label: layer.name, ...shapeOf(layer.output) }, choice),
        resources: tensors(layer.lateral, layer.top, layer.output),
      };
    case 'upsampleConcat': {
      const { height, width } = shapeOf(layer.output);
      const { channels } = shapeOf(layer.inputs[0]);
      return {
        kernel: upsampleConcat({ label: layer.name, height, width, channels, scales: layer.scales }, choice),
        resources: tensors(...layer.inputs, layer.output),
      };
    }
    case 'dbHead':
      return lowerHead(layer, shapeOf, choice, constants);
  }
}

/** What the epilogue adds, with its scale. */
function residualShapes(
  { residuals, output }: Pick<ConvLayer, 'residuals' | 'output'>,
  shapeOf: (tensor: string) => TensorShape,
): Residual[] {
  return residuals.map(({ tensor, kind }) =>
    kind === 'same' ? { kind } : { kind, scale: shapeOf(output).width / shapeOf(tensor).width },
  );
}

/** Channels that carry data: only the image has fewer than it is stored with. */
const channelsOf = ({ channels }: TensorShape): number => (channels === 4 ? 3 : channels);

/** A plain convolution layer, as the kernel wants it. */
export function conv2dOf(layer: ConvLayer, shapeOf: (tensor: string) => TensorShape): Conv2d {
  const { height, width } = shapeOf(layer.output);
  return {
    label: layer.name,
    sources: layer.sources.map(({ tensor, kernel, stride, padding }) => {
      const { height, width } = shapeOf(tensor);
      const channels = channelsOf(shapeOf(tensor));
      return { height, width, channels, kernel, stride, padding: { top: padding, left: padding } };
    }),
    outHeight: height,
    outWidth: width,
    outChannels: layer.outChannels,
    bias: layer.bias,
    residuals: residualShapes(layer, shapeOf),
    activation: layer.relu ? 'relu' : 'none',
  };
}

/** A convolution layer, as its kernel wants it. */
export function convolutionOf(layer: ConvLayer, shapeOf: (tensor: string) => TensorShape): Convolution {
  const { name: label, outChannels, upsampledBy, planes } = layer;
  const { height, width, channels } = shapeOf(layer.sources[0].tensor);
  if (upsampledBy) return { label, height, width, channels, outChannels, scale: upsampledBy };
  return planes ? { label, height, width, channels, outChannels, planes } : conv2dOf(layer, shapeOf);
}

/** The weights of a convolution, as its kernel binds them. */
function packWeights(conv: Convolution, weights: readonly Float64Array[]): Float32Array<ArrayBuffer> {
  if ('sources' in conv) return packConvWeights(conv, weights);
  return 'scale' in conv ? packUpsampledConvWeights(conv, weights[0]) : packWinogradWeights(conv, weights[0]);
}

/** Names the constants of a convolution and says how they are made: weights, then the bias if there is one. */
function convConstants(
  { name, parameters }: Pick<ConvLayer, 'name' | 'parameters'>,
  conv: Convolution,
  { precision }: PlanChoice,
  constants: Map<string, Constant>,
): Resource[] {
  constants.set(`${name}.weights`, { precision, data: () => packWeights(conv, parameters().weights) });
  const weights: Resource = { kind: 'constant', name: `${name}.weights` };
  const biased = 'bias' in conv && conv.bias;
  return biased ? [weights, biasConstant({ name, parameters }, constants)] : [weights];
}

/** Names the bias of a convolution and says how it is made. */
function biasConstant(
  { name, parameters }: Pick<ConvLayer, 'name' | 'parameters'>,
  constants: Map<string, Constant>,
): Resource {
  constants.set(`${name}.bias`, { precision: 'f32', data: () => packBias(parameters().bias!) });
  return { kind: 'constant', name: `${name}.bias` };
}

function lowerWinogradOutput(
  layer: WinogradOutputLayer,
  shapeOf: (tensor: string) => TensorShape,
  choice: PlanChoice,
  constants: Map<string, Constant>,
): PlanStep {
  const { height, width } = shapeOf(layer.output);
  const { name, size, outChannels, bias, relu } = layer;
  const residuals = residualShapes(layer, shapeOf);
  const activation = relu ? 'relu' : 'none';
  const form: WinogradOutput = {
    ...{ label: name, outHeight: height, outWidth: width, outChannels, bias, residuals, activation, size },
  };
  return {
    kernel: winogradOutput(form, choice),
    resources: [
      { kind: 'tensor', name: layer.input },
      ...(bias ? [biasConstant(layer, constants)] : []),
      ...layer.residuals.map(({ tensor }): Resource => ({ kind: 'tensor', name: tensor })),
      { kind: 'tensor', name: layer.output },
    ],
  };
}

function lowerStem(
  layer: StemPoolLayer,
  shapeOf: (tensor: string) => TensorShape,
  choice: PlanChoice,
  constants: Map<string, Constant>,
): PlanStep {
  const { height, width } = shapeOf(layer.input);
  const conv: Conv2d = {
    label: layer.name,
    sources: [{ height, width, channels: 3, kernel: 7, stride: 2, padding: { top: 3, left: 3 } }],
    outHeight: height / 2,
    outWidth: width / 2,
    outChannels: layer.outChannels,
    bias: true,
    residuals: [],
    activation: 'relu',
  };
  return {
    kernel: stemPool({ label: layer.name, height, width, outChannels: layer.outChannels }, choice),
    resources: [
      { kind: 'tensor', name: layer.input },
      ...convConstants(layer, conv, choice, constants),
      { kind: 'tensor', name: layer.output },
    ],
  };
}

function lowerConv(
  layer: ConvLayer,
  shapeOf: (tensor: string) => TensorShape,
  choice: PlanChoice,
  constants: Map<string, Constant>,
): PlanStep {
  const conv = convolutionOf(layer, shapeOf);
  return {
    kernel: convolution(conv, { tile: choice.tile(conv), precision: choice.precision }),
    resources: [
      ...layer.sources.map(({ tensor }): Resource => ({ kind: 'tensor', name: tensor })),
      ...convConstants(layer, conv, choice, constants),
      ...layer.residuals.map(({ tensor }): Resource => ({ kind: 'tensor', name: tensor })),
      { kind: 'tensor', name: layer.output },
    ],
  };
}

function lowerHead(
  layer: DbHeadLayer,
  shapeOf: (tensor: string) => TensorShape,
  choice: PlanChoice,
  constants: Map<string, Constant>,
): PlanStep {
  const { height, width } = shapeOf(layer.features[0]);
  const outputs = layer.outputs.length === 1 ? 'P' : 'PTB';
  const heads = outputs === 'P' ? 1 : 2;
  const merged = heads === 2 && layer.features.length === 1;
  const mask = layer.mask !== undefined;
  const weights = `${layer.name}.${outputs}.weights`;
  const bias = `${layer.name}.${outputs}.bias`;
  const packed = () => packDbHead(layer.parameters(), layer.channels);
  constants.set(weights, { precision: choice.precision, data: () => packed().weights });
  constants.set(bias, { precision: 'f32', data: () => packed().bias });
  return {
    kernel: dbHead(
      { label: layer.name, height, width, channels: layer.channels, outputs, merged, mask, k: layer.k },
      { precision: choice.precision, pixels: choice.headPixels },
    ),
    resources: [
      ...layer.features.map((name): Resource => ({ kind: 'tensor', name })),
      { kind: 'constant', name: weights },
      { kind: 'constant', name: bias },
      ...layerOutputs(layer).map((name): Resource => ({ kind: 'tensor', name })),
    ],
  };
}
