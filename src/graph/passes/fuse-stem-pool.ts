/**
 * @file The stem's convolution and the max-pooling become one layer.
 * Identity: pooling what was just computed; the halo of a tile is computed again instead of being stored.
 */

import type { Graph } from '../graph.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import type { MaxPoolOperation } from '../operations/max-pool.ts';
import { isPadded, isReadOnce, producer, replaceOperations } from './rewrite.ts';

export function fuseStemPool(graph: Graph): Graph {
  const pool = graph.operations.find((operation) => operation.op === 'maxPool');
  if (!pool || !isPool(pool) || !isReadOnce(graph, pool.input)) return graph;
  const stem = producer(graph, pool.input);
  if (!isStem(stem) || stem.sources[0].tensor !== graph.input) return graph;
  const { name, outChannels, bias, sources } = stem;
  const [{ weight }] = sources;
  return replaceOperations(graph, (operation) => {
    if (operation === stem) return [];
    if (operation !== pool) return [operation];
    const { output } = pool;
    return [{ op: 'stemPool', name: `${name}+pool`, input: graph.input, output, weight, bias, outChannels }];
  });
}

/** The pooling that the kernel does. */
const isPool = ({ kernel, stride, padding }: MaxPoolOperation): boolean =>
  kernel === 3 && stride === 2 && isPadded(padding, 1);

/** A convolution that the kernel does. */
function isStem(operation: Operation | undefined): operation is Conv2dOperation & { bias: string } {
  if (operation?.op !== 'conv2d') return false;
  const { sources, residuals, bias, activation, affine, outChannels } = operation;
  const [{ kernel, stride, padding }] = sources;
  const isPlain = sources.length === 1 && residuals.length === 0 && !affine;
  // Two vectors of channels at a time.
  const isWindow = kernel === 7 && stride === 2 && isPadded(padding, 3) && outChannels % 8 === 0;
  return isPlain && isWindow && activation === 'relu' && bias !== undefined;
}
