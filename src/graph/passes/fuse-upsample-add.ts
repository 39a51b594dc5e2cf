/**
 * @file The top-down addition of the FPN moves into the epilogue of the lateral convolution.
 * Identity: add(conv(x), up(y)) is what a residual in the epilogue computes, one write and one read less.
 */

import type { Graph } from '../graph.ts';
import type { Operation } from '../operations/index.ts';
import { isLinear, isReadOnce, producer, replaceOperations } from './rewrite.ts';

export function fuseUpsampleAdd(graph: Graph): Graph {
  const laterals = new Set<Operation>();
  const fused = replaceOperations(graph, (operation) => {
    if (operation.op !== 'upsampleAdd' || !isReadOnce(graph, operation.lateral)) return [operation];
    const lateral = producer(graph, operation.lateral);
    if (!isLinear(lateral)) return [operation];
    laterals.add(lateral);
    // In the place of the addition, where `top` is already there.
    return [
      { ...lateral, output: operation.output, residuals: [{ tensor: operation.top, kind: 'upsampled' }] },
    ];
  });
  return replaceOperations(fused, (operation) => (laterals.has(operation) ? [] : [operation]));
}
