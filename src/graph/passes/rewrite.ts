/** @file What all passes need: who writes a tensor, who reads it, and removing layers that nobody reads. */

import { type ConvLayer, type Graph, type Layer, layerInputs, layerOutputs } from '../layers.ts';

/** The layer that writes `tensor`; undefined for the input. */
export const producer = (graph: Graph, tensor: string): Layer | undefined =>
  graph.layers.find((layer) => layerOutputs(layer).includes(tensor));

/** The layers that read `tensor`. */
const consumers = (graph: Graph, tensor: string): Layer[] =>
  graph.layers.filter((layer) => layerInputs(layer).includes(tensor));

/** True for a tensor that one layer reads and that is no output. */
export const isReadOnce = (graph: Graph, tensor: string): boolean =>
  consumers(graph, tensor).length === 1 && !graph.outputs.includes(tensor);

/** A convolution without bias, residual or ReLU: a linear map of its one source. */
export function isLinear(layer: Layer | undefined): layer is ConvLayer {
  return (
    layer?.op === 'conv2d' &&
    !layer.bias &&
    !layer.relu &&
    layer.residuals.length === 0 &&
    layer.sources.length === 1 &&
    layer.upsampledBy === undefined &&
    layer.planes === undefined
  );
}

/** Replaces each layer by any number of layers in its place. */
export const replaceLayers = (graph: Graph, replace: (layer: Layer) => readonly Layer[]): Graph => ({
  ...graph,
  layers: graph.layers.flatMap(replace),
});

/** Removes layers whose outputs nobody reads. */
export function dropUnused(graph: Graph): Graph {
  const needed = new Set(graph.outputs);
  const layers = graph.layers.toReversed().filter((layer) => {
    const used = layerOutputs(layer).some((tensor) => needed.has(tensor));
    if (used) for (const tensor of layerInputs(layer)) needed.add(tensor);
    return used;
  });
  return { ...graph, layers: layers.reverse() };
}
