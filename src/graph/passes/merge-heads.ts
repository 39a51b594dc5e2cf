/**
 * @file The first convolutions of both heads become one with twice the outputs.
 * Identity: [W1; W2] x = [W1 x; W2 x]; the common input is read once.
 */

import type { ConvLayer, Graph } from '../layers.ts';
import { isReadOnce, producer, replaceLayers } from './rewrite.ts';

export function mergeHeads(graph: Graph): Graph {
  const head = graph.layers.find((layer) => layer.op === 'dbHead');
  if (head?.op !== 'dbHead' || head.features.length !== 2) return graph;
  const [first, second] = head.features.map((tensor) => producer(graph, tensor));
  if (first?.op !== 'conv2d' || second?.op !== 'conv2d' || !sameForm(first, second)) return graph;
  if (!head.features.every((tensor) => isReadOnce(graph, tensor))) return graph;
  const output = `${first.output}+${second.output}`;
  const merged: ConvLayer = {
    ...first,
    name: `${first.name}+${second.name}`,
    output,
    outChannels: first.outChannels + second.outChannels,
    parameters: () => {
      const [a, b] = [first.parameters(), second.parameters()];
      return {
        get weights() {
          const others = b.weights;
          return a.weights.map((weights, i) => concat(weights, others[i]));
        },
        bias: a.bias && b.bias && concat(a.bias, b.bias),
      };
    },
  };
  return replaceLayers(graph, (layer) => {
    if (layer === first) return [merged];
    if (layer === second) return [];
    return [layer === head ? { ...head, features: [output] } : layer];
  });
}

const sameForm = (a: ConvLayer, b: ConvLayer) =>
  JSON.stringify([a.sources, a.residuals, a.bias, a.relu]) ===
  JSON.stringify([b.sources, b.residuals, b.bias, b.relu]);

function concat(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
