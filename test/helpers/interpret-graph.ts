/**
 * @file Runs a graph in f64, layer by layer, with the references of the GPU tests: what a graph means, whatever kernels
 * it is lowered to.
 */

import { inferShapes, type TensorShape } from '../../src/graph/infer-shapes.ts';
import type {
  ConvLayer,
  DbHeadLayer,
  Graph,
  Layer,
  StemPoolLayer,
  WinogradOutputLayer,
} from '../../src/graph/layers.ts';
import { upsampleClasses } from '../../src/kernels/upsample-classes.ts';
import { convolve } from '../gpu/references/convolution.ts';
import { binarize, tailLogits } from '../gpu/references/db-tail.ts';
import { maxPool3x3 } from '../gpu/references/max-pool.ts';
import { sigmoid } from '../gpu/references/reference.ts';
import { concatenate, gatherClasses, upsampleNearest } from '../gpu/references/upsample.ts';
import { transformTiles, untransformTiles } from '../gpu/references/winograd.ts';

type Tensor = Float64Array;

/** Every tensor of the graph by name, given the image `[height, width, 4]`. Masks are left out. */
export function interpretGraph(
  graph: Graph,
  size: { width: number; height: number },
  image: Tensor,
): Map<string, Tensor> {
  const shapes = inferShapes(graph, size);
  const tensors = new Map<string, Tensor>([[graph.input, image]]);
  const shapeOf = (name: string): TensorShape => shapes.get(name)!;
  const get = (name: string): Tensor => tensors.get(name)!;
  for (const layer of graph.layers) {
    for (const [name, values] of Object.entries(runLayer(layer, get, shapeOf))) tensors.set(name, values);
  }
  return tensors;
}

function runLayer(
  layer: Layer,
  get: (name: string) => Tensor,
  shapeOf: (name: string) => TensorShape,
): Record<string, Tensor> {
  switch (layer.op) {
    case 'conv2d':
      return { [layer.output]: runConv(layer, get, shapeOf) };
    case 'stemPool':
      return { [layer.output]: runStem(layer, get(layer.input), shapeOf(layer.input)) };
    case 'maxPool': {
      const { height, width, channels } = shapeOf(layer.input);
      return { [layer.output]: maxPool3x3(get(layer.input), height, width, channels) };
    }
    case 'winogradInput':
      return { [layer.output]: transformTiles(get(layer.input), shapeOf(layer.input), layer.size) };
    case 'winogradOutput':
      return { [layer.output]: runWinogradOutput(layer, get, shapeOf) };
    case 'upsampleAdd': {
      const upsampled = upsampleNearest(get(layer.top), shapeOf(layer.top), 2);
      return { [layer.output]: get(layer.lateral).map((value, i) => value + upsampled[i]) };
    }
    case 'upsampleConcat': {
      const { height, width } = shapeOf(layer.output);
      const levels = layer.inputs.map((name, i) =>
        upsampleNearest(get(name), shapeOf(name), layer.scales[i]),
      );
      return { [layer.output]: concatenate(levels, height * width) };
    }
    case 'dbHead':
      return runHead(layer, get, shapeOf);
  }
}

function runConv(
  layer: ConvLayer,
  get: (name: string) => Tensor,
  shapeOf: (name: string) => TensorShape,
): Tensor {
  if (layer.planes) return runProducts(layer, get(layer.sources[0].tensor));
  const { weights, bias } = layer.parameters();
  const { height, width } = shapeOf(layer.output);
  const scale = layer.upsampledBy ?? 1;
  const full = { height: height * scale, width: width * scale, channels: layer.outChannels };
  const { values } = convolve({
    sources: layer.sources.map(({ tensor, ...window }, i) => {
      const source = shapeOf(tensor);
      return {
        ...window,
        padding: { top: window.padding, left: window.padding },
        values: upsampleNearest(get(tensor), source, scale),
        height: source.height * scale,
        width: source.width * scale,
        channels: source.channels,
        weights: weights[i],
        inChannels: weights[i].length / (layer.outChannels * window.kernel ** 2),
      };
    }),
    outHeight: full.height,
    outWidth: full.width,
    outChannels: layer.outChannels,
    bias,
    residuals: layer.residuals.map(({ tensor, kind }) => {
      const { height, width, channels } = shapeOf(tensor);
      const factor = full.width / width;
      if (kind === 'classes') return gatherClasses(get(tensor), { height, width, channels }, factor);
      return upsampleNearest(get(tensor), { height, width, channels }, factor);
    }),
    activation: layer.relu ? 'relu' : 'none',
  });
  return layer.upsampledBy ? classImages(values, full, layer.upsampledBy) : values;
}

/** For each plane, the product of tiles `[tile, in]` and weights `[out, in]`. */
function runProducts({ planes = 1, outChannels, parameters }: ConvLayer, tiles: Tensor): Tensor {
  const [weights] = parameters().weights;
  const inChannels = weights.length / (planes * outChannels);
  const perPlane = tiles.length / (planes * inChannels);
  return Float64Array.from({ length: planes * perPlane * outChannels }, (_, i) => {
    const out = i % outChannels;
    const plane = Math.floor(i / (perPlane * outChannels));
    let sum = 0;
    for (let c = 0; c < inChannels; c++) {
      const weight = weights[(plane * outChannels + out) * inChannels + c];
      sum += tiles[Math.floor(i / outChannels) * inChannels + c] * weight;
    }
    return sum;
  });
}

function runWinogradOutput(
  layer: WinogradOutputLayer,
  get: (name: string) => Tensor,
  shapeOf: (name: string) => TensorShape,
): Tensor {
  const shape = shapeOf(layer.output);
  const bias = layer.bias ? layer.parameters().bias : undefined;
  const residuals = layer.residuals.map(({ tensor, kind }) => {
    const from = shapeOf(tensor);
    const factor = shape.width / from.width;
    return kind === 'classes'
      ? gatherClasses(get(tensor), from, factor)
      : upsampleNearest(get(tensor), from, factor);
  });
  return untransformTiles(get(layer.input), shape, layer.size).map((sum, i) => {
    const value = residuals.reduce(
      (all, residual) => all + residual[i],
      sum + (bias?.[i % shape.channels] ?? 0),
    );
    return layer.relu ? Math.max(0, value) : value;
  });
}

/** Of an image all of whose `scale` x `scale` copies of a class are equal, one of each class. */
function classImages(
  values: Tensor,
  { height, width, channels }: { height: number; width: number; channels: number },
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

function runStem(
  { outChannels, parameters }: StemPoolLayer,
  image: Tensor,
  { height, width }: TensorShape,
): Tensor {
  const { weights, bias } = parameters();
  const window = { kernel: 7, stride: 2, padding: { top: 3, left: 3 } };
  const [outHeight, outWidth] = [height / 2, width / 2];
  const { values } = convolve({
    sources: [{ ...window, values: image, height, width, channels: 4, weights: weights[0], inChannels: 3 }],
    outHeight,
    outWidth,
    outChannels,
    bias,
    activation: 'relu',
  });
  return maxPool3x3(values, outHeight, outWidth, outChannels);
}

function runHead(
  layer: DbHeadLayer,
  get: (name: string) => Tensor,
  shapeOf: (name: string) => TensorShape,
): Record<string, Tensor> {
  const { width } = shapeOf(layer.features[0]);
  const { channels } = layer;
  const maps = layer.parameters().map((head, i) => {
    const together = layer.features.length === 1 && shapeOf(layer.features[0]).channels === 2 * channels;
    const features = together
      ? get(layer.features[0]).filter((_, at) => Math.floor(at / channels) % 2 === i)
      : get(layer.features[i]);
    // The norm is folded already: one that changes nothing stands in for it.
    const ones = new Float64Array(channels).fill(1);
    const zeros = new Float64Array(channels);
    const norm = { weight: ones, bias: zeros, mean: zeros, variance: ones.map((one) => one - 1e-5) };
    return tailLogits(features, width, { ...head, norm }).values.map(sigmoid);
  });
  const [P, T] = maps;
  const values = T ? [P, T, binarize(P, T, layer.k)] : [P];
  return Object.fromEntries(layer.outputs.map((name, i) => [name, values[i]]));
}
