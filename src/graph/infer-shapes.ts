/** @file Sizes of all tensors of a graph for a given input size. */

import { upsampleClasses } from '../kernels/upsample-classes.ts';
import { winogradPlanes, winogradTiles } from '../kernels/winograd.ts';
import { type Graph, type Layer, layerOutputs } from './layers.ts';

/** `planes` images `[height, width, channels]`; more than one plane only for class images. */
export interface TensorShape {
  height: number;
  width: number;
  channels: number;
  planes: number;
}

/** Number of elements of a tensor. */
export const elementCount = ({ height, width, channels, planes }: TensorShape): number =>
  height * width * channels * planes;

/** Shape of every tensor by name. `height` and `width` are multiples of 32. */
export function inferShapes(graph: Graph, size: { width: number; height: number }): Map<string, TensorShape> {
  const shapes = new Map<string, TensorShape>();
  const shapeOf = (tensor: string): TensorShape => {
    const shape = shapes.get(tensor);
    if (!shape) throw new Error(`the graph reads '${tensor}' before any layer writes it`);
    return shape;
  };
  shapes.set(graph.input, { ...size, channels: 4, planes: 1 });
  for (const layer of graph.layers) {
    const shape = outputShape(layer, shapeOf);
    for (const output of layerOutputs(layer)) shapes.set(output, shape);
    // Words of 32 pixels.
    if (layer.op === 'dbHead' && layer.mask) shapes.set(layer.mask, { ...shape, width: shape.width / 32 });
  }
  return shapes;
}

function outputShape(layer: Layer, shapeOf: (tensor: string) => TensorShape): TensorShape {
  switch (layer.op) {
    case 'conv2d': {
      const [{ tensor, kernel, stride, padding }] = layer.sources;
      const { height, width } = shapeOf(tensor);
      const side = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
      const classes = layer.upsampledBy ? upsampleClasses(layer.upsampledBy).length ** 2 : 1;
      const planes = layer.planes ?? classes;
      return { height: side(height), width: side(width), channels: layer.outChannels, planes };
    }
    case 'maxPool': {
      const { height, width, channels } = shapeOf(layer.input);
      return { height: height / 2, width: width / 2, channels, planes: 1 };
    }
    case 'stemPool': {
      const { height, width } = shapeOf(layer.input);
      return { height: height / 4, width: width / 4, channels: layer.outChannels, planes: 1 };
    }
    case 'winogradInput': {
      const source = shapeOf(layer.input);
      const tiles = winogradTiles(layer.size, source);
      return { ...tiles, channels: source.channels, planes: winogradPlanes(layer.size) };
    }
    case 'winogradOutput':
      return { ...shapeOf(layer.like), channels: layer.outChannels };
    case 'upsampleAdd':
      return shapeOf(layer.lateral);
    case 'upsampleConcat': {
      const [{ height, width, channels }] = layer.inputs.map(shapeOf);
      const [scale] = layer.scales;
      return {
        height: height * scale,
        width: width * scale,
        channels: channels * layer.inputs.length,
        planes: 1,
      };
    }
    case 'dbHead': {
      const { height, width } = shapeOf(layer.features[0]);
      return { height: 4 * height, width: 4 * width, channels: 1, planes: 1 };
    }
  }
}
