/**
 * @file The stem's convolution and the max-pooling become one layer.
 * Identity: pooling what was just computed; the halo of a tile is computed again instead of being stored.
 */

import type { Graph } from '../layers.ts';
import { isReadOnce, producer, replaceLayers } from './rewrite.ts';

export function fuseStemPool(graph: Graph): Graph {
  const pool = graph.layers.find((layer) => layer.op === 'maxPool');
  if (pool?.op !== 'maxPool' || !isReadOnce(graph, pool.input)) return graph;
  const stem = producer(graph, pool.input);
  if (stem?.op !== 'conv2d' || stem.sources[0].tensor !== graph.input || !stem.relu || !stem.bias)
    return graph;
  if (stem.sources[0].kernel !== 7 || stem.sources[0].stride !== 2) return graph;
  return replaceLayers(graph, (layer) => {
    if (layer === stem) return [];
    if (layer !== pool) return [layer];
    const { name, outChannels, parameters } = stem;
    return [
      {
        op: 'stemPool',
        name: `${name}+pool`,
        input: graph.input,
        output: pool.output,
        outChannels,
        parameters,
      },
    ];
  });
}
