/**
 * @file Thresholding moves into the DB head, which has P and B in registers: the mask leaves the device as bits.
 * Identity: bit x of row y is P[y, x] > threshold (or B), as the CPU would compare.
 */

import type { Graph } from '../graph.ts';
import { replaceOperations } from './rewrite.ts';

export function packMask(graph: Graph): Graph {
  const mask = 'mask';
  const packed = replaceOperations(graph, (operation) =>
    // One tensor of features, or the kernel would bind more buffers than every device has.
    operation.op === 'dbHead' && operation.features.length === 1 ? [{ ...operation, mask }] : [operation],
  );
  const written = packed.operations.some((operation) => operation.op === 'dbHead' && operation.mask);
  return written ? { ...packed, outputs: [...graph.outputs, mask] } : graph;
}
