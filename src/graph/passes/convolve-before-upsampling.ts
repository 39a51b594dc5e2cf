/**
 * @file A 3x3 convolution over upsampled and concatenated levels runs on each level at its own resolution, so that
 * neither the upsampled tensors nor the concatenation exist.
 * Identities: W [up8(a); up4(b); ...] = W_a up8(a) + W_b up4(b) + ...; and a 3x3 convolution of a nearest-upsampled
 * tensor takes few distinct values per source pixel, the class images (see `kernels/upsample-classes.ts`).
 */

import type { ConvLayer, Graph, UpsampleConcatLayer } from '../layers.ts';
import { classConv } from './class-conv.ts';
import { dropUnused, producer, replaceLayers } from './rewrite.ts';

export function convolveBeforeUpsampling(graph: Graph): Graph {
  return dropUnused(
    replaceLayers(graph, (layer) => {
      if (layer.op !== 'conv2d' || layer.sources.length !== 1 || layer.sources[0].kernel !== 3)
        return [layer];
      const concat = producer(graph, layer.sources[0].tensor);
      return concat?.op === 'upsampleConcat' ? split(layer, concat) : [layer];
    }),
  );
}

/** One convolution per level; the last, at full resolution, gathers the class images of the others. */
function split(layer: ConvLayer, { inputs, scales }: UpsampleConcatLayer): ConvLayer[] {
  const slice = (index: number) => () =>
    channelSlice(layer.parameters().weights[0], layer.outChannels, index, inputs.length);
  const classes = inputs.flatMap((tensor, i) =>
    scales[i] === 1
      ? []
      : [classConv(`${layer.name}[${tensor}]`, tensor, scales[i], layer.outChannels, slice(i))],
  );
  const full = scales.indexOf(1);
  return [
    ...classes,
    {
      ...layer,
      name: `${layer.name}[${inputs[full]}]+classes`,
      sources: [{ ...layer.sources[0], tensor: inputs[full] }],
      residuals: [
        ...layer.residuals,
        ...classes.map(({ output }) => ({ tensor: output, kind: 'classes' as const })),
      ],
      parameters: () => ({
        get weights() {
          return [slice(full)()];
        },
        bias: layer.parameters().bias,
      }),
    },
  ];
}

/** Of weights `[out, in, 3, 3]` the `index`-th of `count` equal blocks of input channels. */
function channelSlice(
  weights: Float64Array,
  outChannels: number,
  index: number,
  count: number,
): Float64Array {
  const row = weights.length / outChannels;
  const block = row / count;
  const sliced = new Float64Array(outChannels * block);
  for (let out = 0; out < outChannels; out++) {
    const from = out * row + index * block;
    sliced.set(weights.subarray(from, from + block), out * block);
  }
  return sliced;
}
