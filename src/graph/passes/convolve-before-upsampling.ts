/**
 * @file A 3x3 convolution over upsampled and concatenated levels runs on each level at its own resolution, so that
 * neither the upsampled tensors nor the concatenation exist.
 * Identities: W [up8(a); up4(b); ...] = W_a up8(a) + W_b up4(b) + ...; and a 3x3 convolution of a nearest-upsampled
 * tensor takes few distinct values per source pixel, the class images (see `kernels/upsample-classes.ts`).
 */

import { dropUnused, type Graph } from '../graph.ts';
import { inferShapes } from '../infer-shapes.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import type { UpsampleConcatOperation } from '../operations/upsample.ts';
import { type Derive, isSame3x3, producer, replaceOperations } from './rewrite.ts';

/** Residuals of a convolution with one source that fit the buffers which every device can bind. */
const maxResiduals = 4;

export const convolveBeforeUpsampling = (graph: Graph): Graph =>
  dropUnused(
    replaceOperations(graph, (operation, derive) => {
      if (operation.op !== 'conv2d' || operation.sources.length !== 1) return [operation];
      const [source] = operation.sources;
      const concat = producer(graph, source.tensor);
      return isSame3x3(source) && concat?.op === 'upsampleConcat' && suits(operation, concat)
        ? split(operation, concat, graph, derive)
        : [operation];
    }),
  );

/** One level at full resolution, which gathers the others. */
const suits = ({ residuals }: Conv2dOperation, { scales }: UpsampleConcatOperation): boolean =>
  scales.filter((scale) => scale === 1).length === 1 && residuals.length + scales.length - 1 <= maxResiduals;

/** Channels are the same at every size. */
const anySize = { width: 64, height: 32 };

/** One convolution per level; the last, at full resolution, gathers the class images of the others. */
function split(
  operation: Conv2dOperation,
  { inputs, scales }: UpsampleConcatOperation,
  graph: Graph,
  derive: Derive,
): Operation[] {
  const { name, outChannels } = operation;
  const [source] = operation.sources;
  const shapes = inferShapes(graph, anySize);
  const channels = inputs.map((input) => shapes.get(input)!.channels);
  const slice = (index: number) => {
    const from = channels.slice(0, index).reduce((sum, count) => sum + count, 0);
    const block = { from, to: from + channels[index] };
    return {
      weight: derive(`${source.weight}[${inputs[index]}]`, () =>
        channelSlice(graph.parameters(source.weight), outChannels, source.inChannels, block),
      ),
      inChannels: channels[index],
    };
  };
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

/** Of weights `[out, in, 3, 3]` the input channels of a block. */
function channelSlice(
  weights: ArrayLike<number>,
  outChannels: number,
  inChannels: number,
  { from, to }: { from: number; to: number },
): Float64Array {
  const block = 9 * (to - from);
  const sliced = new Float64Array(outChannels * block);
  for (let out = 0; out < outChannels; out++) {
    const start = 9 * (out * inChannels + from);
    for (let i = 0; i < block; i++) sliced[out * block + i] = weights[start + i];
  }
  return sliced;
}
