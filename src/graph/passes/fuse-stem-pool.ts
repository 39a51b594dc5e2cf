/**
 * @file The stem's convolution and the max-pooling become one layer.
 * Identity: pooling what was just computed; the halo of a tile is computed again instead of being stored.
 */

import type { Graph } from '../graph.ts';
import { isReadOnce, producer, replaceOperations } from './rewrite.ts';

export function fuseStemPool(graph: Graph): Graph {
  const pool = graph.operations.find((operation) => operation.op === 'maxPool');
  if (!pool || !isReadOnce(graph, pool.input)) return graph;
  const stem = producer(graph, pool.input);
  if (
    stem?.op !== 'conv2d' ||
    stem.sources[0].tensor !== graph.input ||
    stem.activation !== 'relu' ||
    !stem.bias
  )
    return graph;
  const { name, outChannels, bias, sources } = stem;
  const [{ weight, kernel, stride }] = sources;
  // The kernel computes two vectors of channels at a time.
  if (kernel !== 7 || stride !== 2 || outChannels % 8 !== 0) return graph;
  return replaceOperations(graph, (operation) => {
    if (operation === stem) return [];
    if (operation !== pool) return [operation];
    const { output } = pool;
    return [{ op: 'stemPool', name: `${name}+pool`, input: graph.input, output, weight, bias, outChannels }];
  });
}
