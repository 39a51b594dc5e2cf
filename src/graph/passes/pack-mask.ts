/**
 * @file Thresholding moves into the DB head, which has P and B in registers: the mask leaves the device as bits.
 * Identity: bit x of row y is P[y, x] > threshold (or B), as the CPU would compare.
 */

import type { Graph } from '../layers.ts';
import { replaceLayers } from './rewrite.ts';

export function packMask(graph: Graph): Graph {
  const mask = 'mask';
  const packed = replaceLayers(graph, (layer) =>
    // One tensor of features, or the kernel would bind more buffers than every device has.
    layer.op === 'dbHead' && layer.features.length === 1 ? [{ ...layer, mask }] : [layer],
  );
  const written = packed.layers.some((layer) => layer.op === 'dbHead' && layer.mask !== undefined);
  return written ? { ...packed, outputs: [...graph.outputs, mask] } : graph;
}
