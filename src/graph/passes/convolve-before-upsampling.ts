/**
 * @file A convolution over upsampled and concatenated levels runs on each level at its own resolution, so that neither the
 * upsampled tensors nor the concatenation exist.
 * Identities: W [up8(a); up4(b); ...] = W_a up8(a) + W_b up4(b) + ...; levels that are not upsampled are sources of one
 * sum; and a 3x3 convolution of a nearest-upsampled tensor takes few distinct values per source pixel, the class images
 * (see `kernels/upsample-classes.ts`).
 */

import { dropUnused, type Graph } from '../graph.ts';
import { inferShapes } from '../infer-shapes.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import type { UpsampleConcatOperation } from '../operations/upsample.ts';
import { type Derive, isSame3x3, producer, replaceOperations } from './rewrite.ts';

/** Of what a kernel binds, so much is there on every device. */
const maxBuffers = 8;

export const convolveBeforeUpsampling = (graph: Graph): Graph =>
  dropUnused(
    replaceOperations(graph, (operation, derive) => {
      if (operation.op !== 'conv2d' || operation.sources.length !== 1) return [operation];
      const concat = producer(graph, operation.sources[0].tensor);
      return concat?.op === 'upsampleConcat' && suits(operation, concat)
        ? split(operation, concat, graph, derive)
        : [operation];
    }),
  );

/** At least one level at full resolution, which gathers the others: class images are there of 3x3 convolutions. */
function suits(
  { sources: [source], factors, residuals }: Conv2dOperation,
  { inputs, scales }: UpsampleConcatOperation,
): boolean {
  const full = scales.filter((scale) => scale === 1).length;
  // One for each level, weights, bias, output.
  const fit = scales.length + residuals.length + 3 <= maxBuffers && new Set(inputs).size === inputs.length;
  return fit && !factors && (full === scales.length || (full > 0 && isSame3x3(source)));
}

/** Channels are the same at every size. */
const anySize = { width: 64, height: 32 };

/** One convolution per upsampled level; the last, of those at full resolution, gathers their class images. */
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
  const full = inputs.flatMap((tensor, i) => (scales[i] === 1 ? [{ ...source, tensor, ...slice(i) }] : []));
  return [
    ...classes,
    {
      ...operation,
      name: `${name}[${full.map(({ tensor }) => tensor)}]${classes.length > 0 ? '+classes' : ''}`,
      sources: full,
      residuals: [
        ...operation.residuals,
        ...classes.map(({ output }) => ({ tensor: output, kind: 'classes' as const })),
      ],
    },
  ];
}

/** Of weights `[out, in, kernel, kernel]` the input channels of a block. */
function channelSlice(
  weights: ArrayLike<number>,
  outChannels: number,
  inChannels: number,
  { from, to }: { from: number; to: number },
): Float64Array {
  const area = weights.length / (outChannels * inChannels);
  const block = area * (to - from);
  const sliced = new Float64Array(outChannels * block);
  for (let out = 0; out < outChannels; out++) {
    const start = area * (out * inChannels + from);
    for (let i = 0; i < block; i++) sliced[out * block + i] = weights[start + i];
  }
  return sliced;
}
