/**
 * @file Runs a graph in f64, operation by operation, with the references of the GPU tests: what a graph means, whatever
 * kernels it is lowered to. A new operation is a line in the table.
 */

import { type Graph, outputsOf } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import type { ShapeOf, TensorShape } from '../../src/graph/operation.ts';
import type { ChannelGateOperation } from '../../src/graph/operations/channel-gate.ts';
import type { Epilogue, Residual } from '../../src/graph/operations/conv2d.ts';
import type { Operation } from '../../src/graph/operations/index.ts';
import { upsampleClasses } from '../../src/kernels/upsample-classes.ts';
import { winogradPlanes } from '../../src/kernels/winograd.ts';
import { activationOf } from '../gpu/references/activation.ts';
import { gatesOf } from '../gpu/references/channel-gate.ts';
import { convolve } from '../gpu/references/convolution.ts';
import { binarize, tailLogits } from '../gpu/references/db-tail.ts';
import { deformSamples } from '../gpu/references/deform-conv2d.ts';
import { depthwise } from '../gpu/references/depthwise.ts';
import { maxPool, pool3x3 } from '../gpu/references/max-pool.ts';
import { sigmoid } from '../gpu/references/reference.ts';
import { concatenate, gatherClasses, upsampleNearest } from '../gpu/references/upsample.ts';
import { transformTiles, transformWeights, untransformTiles } from '../gpu/references/winograd.ts';

type Tensor = Float64Array;

interface Environment {
  get: (tensor: string) => Tensor;
  shapeOf: ShapeOf;
  parameter: (name: string) => Tensor;
}

/** Every tensor of the graph by name, given the image `[height, width, 3]`. Masks are left out. */
export function interpretGraph(
  graph: Graph,
  size: { width: number; height: number },
  image: Tensor,
): Map<string, Tensor> {
  const shapes = inferShapes(graph, size);
  const tensors = new Map<string, Tensor>([[graph.input, image]]);
  const environment: Environment = {
    get: (name) => tensors.get(name)!,
    shapeOf: (name) => shapes.get(name)!,
    parameter: (name) => Float64Array.from(graph.parameters(name)),
  };
  for (const operation of graph.operations) {
    const run: Meaning<Operation> = meanings[operation.op];
    const written = run(operation, environment);
    outputsOf(operation).forEach((name, i) => {
      if (written[i]) tensors.set(name, written[i]);
    });
  }
  return tensors;
}

/** What an operation writes, one array per output. Methods, so that the table can be indexed by any operation. */
type Meaning<O> = { bivarianceHack(operation: O, environment: Environment): Tensor[] }['bivarianceHack'];

const meanings: { [Op in Operation['op']]: Meaning<Operation & { op: Op }> } = {
  conv2d(operation, environment) {
    const { sources, bias } = operation;
    const { get, shapeOf, parameter } = environment;
    const { height, width, channels } = shapeOf(operation.output);
    const { values } = convolve({
      sources: sources.map(({ tensor, weight, inChannels, ...window }) => ({
        ...window,
        values: get(tensor),
        ...shapeOf(tensor),
        weights: parameter(weight),
        inChannels,
      })),
      outHeight: height,
      outWidth: width,
      outChannels: channels,
      bias: bias === undefined ? undefined : parameter(bias),
      factors: operation.factors === undefined ? undefined : get(operation.factors),
      residuals: residualsOf(operation, environment),
      activation: operation.activation,
      affine: operation.affine,
    });
    return [values];
  },
  depthwiseConv2d(operation, { get, shapeOf, parameter }) {
    const { input, output, weight, bias } = operation;
    const { height, width } = shapeOf(input);
    const { height: outHeight, width: outWidth } = shapeOf(output);
    const conv = {
      ...operation,
      label: output,
      height,
      width,
      outHeight,
      outWidth,
      bias: bias !== undefined,
    };
    return [depthwise(conv, get(input), parameter(weight), bias === undefined ? [] : parameter(bias)).values];
  },
  deformConv2d(operation, environment) {
    const { input, offsets, output, weight, inChannels, outChannels, bias, activation, affine } = operation;
    const { get, shapeOf, parameter } = environment;
    const { height, width } = shapeOf(output);
    const samples = deformSamples(
      { ...operation, ...shapeOf(input), outHeight: height, outWidth: width },
      get(input),
      { ...shapeOf(offsets), values: get(offsets) },
    );
    // A picture of 3x3 samples for each pixel, under a window that steps from one to the next.
    const { values } = convolve({
      sources: [
        {
          ...{ values: samples.values, height: 3 * height, width: 3 * width, channels: inChannels },
          ...{ kernel: 3, stride: 3, padding: { top: 0, left: 0 }, weights: parameter(weight), inChannels },
        },
      ],
      ...{ outHeight: height, outWidth: width, outChannels, activation, affine },
      bias: bias === undefined ? undefined : parameter(bias),
      residuals: residualsOf(operation, environment),
    });
    return [values];
  },
  channelGate(operation, environment) {
    const { input, channels } = operation;
    const factors = factorsOf(operation, channels, environment);
    return [environment.get(input).map((value, i) => value * factors[i % channels])];
  },
  gateFactors(operation, environment) {
    const factors = new Float64Array(environment.shapeOf(operation.output).channels);
    factors.set(factorsOf(operation, operation.averaged, environment));
    return [factors];
  },
  upsampledConv2d({ input, weight, inChannels, outChannels, scale }, { get, shapeOf, parameter }) {
    const source = shapeOf(input);
    const [height, width] = [source.height * scale, source.width * scale];
    const { values } = convolve({
      sources: [
        {
          kernel: 3,
          stride: 1,
          padding: { top: 1, left: 1 },
          values: upsampleNearest(get(input), source, scale),
          height,
          width,
          channels: source.channels,
          weights: parameter(weight),
          inChannels,
        },
      ],
      outHeight: height,
      outWidth: width,
      outChannels,
      activation: 'none',
    });
    return [classImages(values, { height, width, channels: outChannels }, scale)];
  },
  winogradInput: ({ input, size }, { get, shapeOf }) => [transformTiles(get(input), shapeOf(input), size)],
  winogradProducts({ input, weight, inChannels, outChannels, size }, { get, parameter }) {
    const tiles = get(input);
    const weights = transformWeights(parameter(weight), { inChannels, outChannels }, size);
    const planes = winogradPlanes(size);
    const perPlane = tiles.length / (planes * inChannels);
    return [
      Float64Array.from({ length: planes * perPlane * outChannels }, (_, i) => {
        const out = i % outChannels;
        const plane = Math.floor(i / (perPlane * outChannels));
        let sum = 0;
        for (let c = 0; c < inChannels; c++) {
          const factor = weights[(plane * inChannels + c) * outChannels + out];
          sum += tiles[Math.floor(i / outChannels) * inChannels + c] * factor;
        }
        return sum;
      }),
    ];
  },
  winogradOutput(operation, environment) {
    const { input, output, size, bias, activation, affine } = operation;
    const shape = environment.shapeOf(output);
    const biases = bias === undefined ? undefined : environment.parameter(bias);
    const residuals = residualsOf(operation, environment);
    return [
      untransformTiles(environment.get(input), shape, size).map((sum, i) => {
        const biased = sum + (biases?.[i % shape.channels] ?? 0);
        const value = residuals.reduce((all, residual) => all + residual[i], biased);
        const activated = activationOf[activation](value);
        return affine ? affine.scale * activated + affine.shift : activated;
      }),
    ];
  },
  maxPool(operation, { get, shapeOf }) {
    const { input, output } = operation;
    const { height: outHeight, width: outWidth } = shapeOf(output);
    return [maxPool(get(input), { ...operation, ...shapeOf(input), outHeight, outWidth })];
  },
  stemPool({ input, weight, bias, outChannels }, { get, shapeOf, parameter }) {
    const { height, width } = shapeOf(input);
    const [outHeight, outWidth] = [height / 2, width / 2];
    const image = {
      values: get(input),
      height,
      width,
      channels: 3,
      weights: parameter(weight),
      inChannels: 3,
    };
    const { values } = convolve({
      sources: [{ kernel: 7, stride: 2, padding: { top: 3, left: 3 }, ...image }],
      outHeight,
      outWidth,
      outChannels,
      bias: parameter(bias),
      activation: 'relu',
    });
    return [maxPool(values, pool3x3({ height: outHeight, width: outWidth, channels: outChannels }))];
  },
  upsampleAdd({ lateral, top }, { get, shapeOf }) {
    const upsampled = upsampleNearest(get(top), shapeOf(top), 2);
    return [get(lateral).map((value, i) => value + upsampled[i])];
  },
  upsampleConcat({ inputs, output, scales }, { get, shapeOf }) {
    const { height, width } = shapeOf(output);
    const levels = inputs.map((name, i) => upsampleNearest(get(name), shapeOf(name), scales[i]));
    return [concatenate(levels, height * width)];
  },
  dbHead({ features, heads, channels, k }, { get, shapeOf, parameter }) {
    const { width, channels: stored } = shapeOf(features[0]);
    const [P, T] = heads.map(({ up1, up2 }, i) => {
      const together = features.length === 1 && stored === 2 * channels;
      const values = together
        ? get(features[0]).filter((_, at) => Math.floor(at / channels) % 2 === i)
        : get(features[i]);
      // The norm is folded already: one that changes nothing stands in for it.
      const ones = new Float64Array(channels).fill(1);
      const zeros = new Float64Array(channels);
      const norm = { weight: ones, bias: zeros, mean: zeros, variance: ones.map((one) => one - 1e-5) };
      const head = {
        up1: parameter(up1.weight),
        bias1: up1.bias === undefined ? zeros : parameter(up1.bias),
        up2: parameter(up2.weight),
        bias2: parameter(up2.bias),
      };
      return tailLogits(values, width, { ...head, norm }).values.map(sigmoid);
    });
    return T ? [P, T, binarize(P, T, k)] : [P];
  },
};

/** What a gate multiplies by, from the mean of its input. */
function factorsOf(
  gate: Omit<ChannelGateOperation, 'op'>,
  averaged: number,
  { get, parameter }: Environment,
): Float64Array {
  const { input, reduce, expand, slope, shortcut } = gate;
  const values = get(input);
  const means = new Float64Array(averaged);
  values.forEach((value, i) => {
    means[i % averaged] += (value * averaged) / values.length;
  });
  const layers = {
    reduce: parameter(reduce.weight),
    reduceBias: parameter(reduce.bias),
    expand: parameter(expand.weight),
    expandBias: parameter(expand.bias),
  };
  return gatesOf(means, layers, slope).map((value) => value + (shortcut ? 1 : 0));
}

/** What the epilogue adds, at the size of the output. */
function residualsOf(
  { residuals, output }: Pick<Epilogue, 'residuals' | 'output'>,
  { get, shapeOf }: Environment,
): Tensor[] {
  const { width } = shapeOf(output);
  return residuals.map(({ tensor, kind }: Residual) => {
    const from = shapeOf(tensor);
    const factor = width / from.width;
    return kind === 'classes'
      ? gatherClasses(get(tensor), from, factor)
      : upsampleNearest(get(tensor), from, factor);
  });
}

/** Of an image all of whose `scale` x `scale` copies of a class are equal, one of each class. */
function classImages(
  values: Tensor,
  { height, width, channels }: Pick<TensorShape, 'height' | 'width' | 'channels'>,
  scale: number,
): Tensor {
  const count = upsampleClasses(scale).length;
  // The first, the second and the last copy stand for first, between and last.
  const copies = count === 2 ? [0, 1] : [0, 1, scale - 1];
  const images: number[] = [];
  for (const dy of copies) {
    for (const dx of copies) {
      for (let y = dy; y < height; y += scale) {
        for (let x = dx; x < width; x += scale) {
          images.push(...values.subarray((y * width + x) * channels, (y * width + x + 1) * channels));
        }
      }
    }
  }
  return Float64Array.from(images);
}
