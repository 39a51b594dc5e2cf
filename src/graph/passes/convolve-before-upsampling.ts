/**
 * @file A 3x3 convolution over upsampled and concatenated levels runs on each level at its own resolution, so that
 * neither the upsampled tensors nor the concatenation exist.
 * Identities: W [up8(a); up4(b); ...] = W_a up8(a) + W_b up4(b) + ...; and a 3x3 convolution of a nearest-upsampled
 * tensor takes few distinct values per source pixel, the class images (see `kernels/upsample-classes.ts`).
 */

import { dropUnused, type Graph } from '../graph.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import type { UpsampleConcatOperation } from '../operations/upsample.ts';
import { type Derive, producer, replaceOperations } from './rewrite.ts';

export const convolveBeforeUpsampling = (graph: Graph): Graph =>
  dropUnused(
    replaceOperations(graph, (operation, derive) => {
      if (operation.op !== 'conv2d' || operation.sources.length !== 1) return [operation];
      const [{ tensor, kernel, stride }] = operation.sources;
      const concat = producer(graph, tensor);
      return kernel === 3 && stride === 1 && concat?.op === 'upsampleConcat'
        ? split(operation, concat, graph, derive)
        : [operation];
    }),
  );

/** One convolution per level; the last, at full resolution, gathers the class images of the others. */
function split(
  operation: Conv2dOperation,
  { inputs, scales }: UpsampleConcatOperation,
  { parameters }: Graph,
  derive: Derive,
): Operation[] {
  const { name, outChannels } = operation;
  const [source] = operation.sources;
  const inChannels = source.inChannels / inputs.length;
  const slice = (index: number) => ({
    weight: derive(`${source.weight}[${inputs[index]}]`, () =>
      channelSlice(parameters(source.weight), outChannels, index, inputs.length),
    ),
    inChannels,
  });
  const classes = inputs.flatMap((input, i) => {
    if (scales[i] === 1) return [];
    const output = `${name}[${input}]`;
    const scale = scales[i];
    return [{ op: 'upsampledConv2d', name: output, output, input, scale, outChannels, ...slice(i) } as const];
  });
  const full = scales.indexOf(1);
  return [
    ...classes,
    {
      ...operation,
      name: `${name}[${inputs[full]}]+classes`,
      sources: [{ ...source, tensor: inputs[full], ...slice(full) }],
      residuals: [
        ...operation.residuals,
        ...classes.map(({ output }) => ({ tensor: output, kind: 'classes' as const })),
      ],
    },
  ];
}

/** Of weights `[out, in, 3, 3]` the `index`-th of `count` equal blocks of input channels. */
function channelSlice(
  weights: ArrayLike<number>,
  outChannels: number,
  index: number,
  count: number,
): Float64Array {
  const row = weights.length / outChannels;
  const block = row / count;
  const sliced = new Float64Array(outChannels * block);
  for (let out = 0; out < outChannels; out++) {
    const from = out * row + index * block;
    for (let i = 0; i < block; i++) sliced[out * block + i] = weights[from + i];
  }
  return sliced;
}
