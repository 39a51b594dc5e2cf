/**
 * @file 3x3 convolutions of stride 1 by Winograd's minimal filtering: a quarter (F(4,3)) or less than half (F(2,3)) of
 * the multiply-adds, for two transforms and more memory. Identity: `kernels/winograd.ts`. Rounding errors are about
 * eight times those of the plain sum in F(4,3), so it is for f32 only.
 */

import type { Conv2d } from '../../kernels/conv2d.ts';
import type { Convolution } from '../../kernels/convolution.ts';
import { type WinogradSize, winogradPlanes, winogradWeights } from '../../kernels/winograd.ts';
import { inferShapes } from '../infer-shapes.ts';
import type { ConvLayer, Graph, Layer } from '../layers.ts';
import { conv2dOf } from '../plan.ts';
import { replaceLayers } from './rewrite.ts';

/** Which convolutions are transformed at a size of the network's input, and how; undefined: not at all. */
export interface WinogradRule {
  size: { width: number; height: number };
  choose: (conv: Conv2d) => WinogradSize | undefined;
}

/** From so many channels on the maps are so small that tiles of 4x4 would be mostly border. */
const smallMapChannels = 512;

/** The size where nothing was measured. */
export const defaultWinogradSize = ({ outChannels }: Pick<Conv2d, 'outChannels'>): WinogradSize =>
  outChannels >= smallMapChannels ? 2 : 4;

/** True for a convolution that can be transformed. */
export function suitsWinograd(conv: Convolution): conv is Conv2d {
  if (!('sources' in conv) || conv.sources.length !== 1) return false;
  const [{ kernel, stride, padding }] = conv.sources;
  return kernel === 3 && stride === 1 && padding.top === 1 && padding.left === 1;
}

/** True for a layer that is such a convolution. */
function isTransformable({ sources, upsampledBy, planes }: ConvLayer): boolean {
  const [{ kernel, stride, padding }] = sources;
  return sources.length === 1 && !upsampledBy && !planes && kernel === 3 && stride === 1 && padding === 1;
}

/** Transforms the convolutions that `rule` says. */
export function winograd(graph: Graph, { size, choose }: WinogradRule): Graph {
  const shapes = inferShapes(graph, size);
  return replaceLayers(graph, (layer) => {
    if (layer.op !== 'conv2d' || !isTransformable(layer)) return [layer];
    const chosen = choose(conv2dOf(layer, (tensor) => shapes.get(tensor)!));
    return chosen === undefined ? [layer] : transformed(layer, chosen);
  });
}

function transformed(layer: ConvLayer, size: WinogradSize): Layer[] {
  const { name, output, residuals, outChannels, bias, relu, parameters } = layer;
  const input = layer.sources[0].tensor;
  const [tiles, products] = [`${name}.tiles`, `${name}.products`];
  return [
    { op: 'winogradInput', name: tiles, input, output: tiles, size },
    {
      op: 'conv2d',
      // Names its weights, which are others for each size.
      name: `${name}.F(${size},3)`,
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
