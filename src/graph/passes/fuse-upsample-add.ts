/**
 * @file The top-down addition of the FPN moves into the epilogue of the lateral convolution.
 * Identity: add(conv(x), up(y)) is what a residual in the epilogue computes, one write and one read less.
 */

import type { Graph } from '../graph.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import { isReadOnce, producer, replaceOperations } from './rewrite.ts';

export function fuseUpsampleAdd(graph: Graph): Graph {
  const laterals = new Set<Operation>();
  const fused = replaceOperations(graph, (operation) => {
    if (operation.op !== 'upsampleAdd' || !isReadOnce(graph, operation.lateral)) return [operation];
    const lateral = producer(graph, operation.lateral);
    if (!isEndOfSum(lateral)) return [operation];
    laterals.add(lateral);
    // In the place of the addition, where `top` is already there.
    const top = { tensor: operation.top, kind: 'upsampled' } as const;
    return [{ ...lateral, output: operation.output, residuals: [top] }];
  });
  return replaceOperations(fused, (operation) => (laterals.has(operation) ? [] : [operation]));
}

/** A convolution to which nothing is done after residuals would be added, and none is. */
const isEndOfSum = (operation: Operation | undefined): operation is Conv2dOperation =>
  operation?.op === 'conv2d' &&
  operation.residuals.length === 0 &&
  operation.activation === 'none' &&
  !operation.affine;
