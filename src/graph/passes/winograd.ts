/**
 * @file 3x3 convolutions of stride 1 by Winograd's minimal filtering: a quarter (F(4,3)) or less than half (F(2,3)) of
 * the multiply-adds, for two transforms and more memory. Identity: `kernels/winograd.ts`. Rounding errors are about
 * eight times those of the plain sum in F(4,3), so it is for f32 only.
 */

import { type WinogradSize, winogradPlanes, winogradWeights } from '../../kernels/winograd.ts';
import type { ConvLayer, Graph, Layer } from '../layers.ts';
import { replaceLayers } from './rewrite.ts';

/** From so many channels on the maps are so small that tiles of 4x4 would be mostly border. */
const smallMapChannels = 512;

export function winograd(graph: Graph): Graph {
  return replaceLayers(graph, (layer) => (isCandidate(layer) ? transformed(layer) : [layer]));
}

function isCandidate(layer: Layer): layer is ConvLayer {
  if (layer.op !== 'conv2d' || layer.sources.length !== 1 || layer.upsampledBy || layer.planes) return false;
  const [{ kernel, stride, padding }] = layer.sources;
  return kernel === 3 && stride === 1 && padding === 1;
}

function transformed(layer: ConvLayer): Layer[] {
  const { name, output, residuals, outChannels, bias, relu, parameters } = layer;
  const input = layer.sources[0].tensor;
  const size: WinogradSize = outChannels >= smallMapChannels ? 2 : 4;
  const [tiles, products] = [`${name}.tiles`, `${name}.products`];
  return [
    { op: 'winogradInput', name: tiles, input, output: tiles, size },
    {
      op: 'conv2d',
      name: products,
      output: products,
      sources: [{ tensor: tiles, kernel: 1, stride: 1, padding: 0 }],
      residuals: [],
      outChannels,
      bias: false,
      relu: false,
      planes: winogradPlanes(size),
      parameters: () => ({ weights: [winogradWeights(parameters().weights[0], size)] }),
    },
    {
      op: 'winogradOutput',
      name,
      input: products,
      output,
      like: input,
      size,
      residuals,
      outChannels,
      bias,
      relu,
      parameters,
    },
  ];
}
