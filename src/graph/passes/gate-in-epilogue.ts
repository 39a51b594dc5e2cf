/**
 * @file A gate on what a 1x1 convolution writes: the convolution multiplies by the factors itself, and neither what it
 * would have written nor the mean of that is read back.
 * Identities: mean(W x + b) = W mean(x) + b, since every pixel counts alike, so that the gate's first layer takes up the
 * convolution: W1 (W m + b) + b1 = (W1 W) m + (W1 b + b1), composed offline in f64. And the factors are known before the
 * convolution begins.
 */

import { maxGateChannels } from '../../kernels/channel-gate.ts';
import type { Graph } from '../graph.ts';
import type { ChannelGateOperation } from '../operations/channel-gate.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import { type Derive, isAffineMap, isPoint, isReadOnce, producer, replaceOperations } from './rewrite.ts';

export function gateInEpilogue(graph: Graph): Graph {
  const fused = new Set<Operation>();
  const gated = replaceOperations(graph, (operation, derive) => {
    if (operation.op !== 'channelGate' || !isReadOnce(graph, operation.input)) return [operation];
    const conv = producer(graph, operation.input);
    if (!isAffineMap(conv) || conv.norm || !isPoint(conv.sources[0]) || !saves(conv)) return [operation];
    fused.add(conv);
    return fuse(conv, operation, graph, derive);
  });
  return replaceOperations(gated, (operation) => (fused.has(operation) ? [] : [operation]));
}

/**
 * True where less is moved, and the mean is one that a gate can take. Before: the input is read, the output written, read
 * for the mean and for the product, and written again. After: the input is read twice, the output written.
 */
const saves = ({ sources: [{ inChannels }], outChannels }: Conv2dOperation): boolean =>
  inChannels < 3 * outChannels && inChannels <= maxGateChannels;

function fuse(
  conv: Conv2dOperation,
  { op, reduce, ...gate }: ChannelGateOperation,
  { parameters }: Graph,
  derive: Derive,
): Operation[] {
  const [{ tensor: input, weight, inChannels: averaged }] = conv.sources;
  const { bias } = conv;
  const factors = `${gate.name}.factors`;
  return [
    {
      ...gate,
      op: 'gateFactors',
      output: factors,
      input,
      averaged,
      reduce: {
        weight: derive(`${reduce.weight} . ${weight}`, () =>
          product(parameters(reduce.weight), parameters(weight), gate.channels, averaged),
        ),
        bias: bias
          ? derive(`${reduce.weight} . ${bias} + ${reduce.bias}`, () => {
              const through = product(parameters(reduce.weight), parameters(bias), gate.channels, 1);
              const own = parameters(reduce.bias);
              return through.map((value, i) => value + own[i]);
            })
          : reduce.bias,
      },
    },
    { ...conv, output: gate.output, factors },
  ];
}

/** `a . b` for `a` `[rows, middle]` and `b` `[middle, columns]`. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, middle: number, columns: number): Float64Array {
  const rows = a.length / middle;
  return Float64Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let sum = 0;
    for (let m = 0; m < middle; m++) sum += a[row * middle + m] * b[m * columns + column];
    return sum;
  });
}
