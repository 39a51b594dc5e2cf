/**
 * @file The first convolutions of both heads become one with twice the outputs.
 * Identity: [W1; W2] x = [W1 x; W2 x]; the common input is read once. Where the channels of a head are no whole vec4s,
 * those of the second would not begin with one: such heads are left alone.
 */

import type { Graph } from '../graph.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import { isReadOnce, producer, replaceOperations } from './rewrite.ts';

export function mergeHeads(graph: Graph): Graph {
  const { parameters } = graph;
  const head = graph.operations.find((operation) => operation.op === 'dbHead');
  if (head?.features.length !== 2 || head.channels % 4 !== 0) return graph;
  const [first, second] = head.features.map((tensor) => producer(graph, tensor));
  if (first?.op !== 'conv2d' || second?.op !== 'conv2d' || !sameForm(first, second)) return graph;
  if (first.factors || second.factors) return graph;
  if (!head.features.every((tensor) => isReadOnce(graph, tensor))) return graph;
  const output = `${first.output}+${second.output}`;
  return replaceOperations(graph, (operation, derive) => {
    const both = (a: string, b: string) => derive(`${a} & ${b}`, () => concat(parameters(a), parameters(b)));
    if (operation === second) return [];
    if (operation === head) return [{ ...head, features: [output] }];
    if (operation !== first) return [operation];
    return [
      {
        ...first,
        name: `${first.name}+${second.name}`,
        output,
        outChannels: first.outChannels + second.outChannels,
        sources: first.sources.map((source, i) => ({
          ...source,
          weight: both(source.weight, second.sources[i].weight),
        })),
        bias: first.bias && second.bias && both(first.bias, second.bias),
      },
    ];
  });
}

/** True for convolutions that differ in their parameters alone. */
function sameForm(a: Conv2dOperation, b: Conv2dOperation): boolean {
  const form = ({ sources, residuals, bias, norm, activation, affine, outChannels }: Conv2dOperation) =>
    JSON.stringify([
      sources.map(({ weight, ...source }) => source),
      residuals,
      [bias, norm].map((name) => name !== undefined),
      activation,
      affine,
      outChannels,
    ]);
  return form(a) === form(b);
}

function concat(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
