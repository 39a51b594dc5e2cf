/**
 * @file The top-down addition of the FPN moves into the epilogue of the lateral convolution.
 * Identity: add(conv(x), up(y)) is what a residual in the epilogue computes, one write and one read less.
 */

import type { Graph } from '../layers.ts';
import { isLinear, isReadOnce, producer, replaceLayers } from './rewrite.ts';

export function fuseUpsampleAdd(graph: Graph): Graph {
  const adds = new Map(
    graph.layers.flatMap((layer) => {
      if (layer.op !== 'upsampleAdd' || !isReadOnce(graph, layer.lateral)) return [];
      return isLinear(producer(graph, layer.lateral)) ? [[layer.lateral, layer] as const] : [];
    }),
  );
  const fused = new Set([...adds.values()]);
  return replaceLayers(graph, (layer) => {
    if (layer.op === 'upsampleAdd') {
      const lateral = producer(graph, layer.lateral);
      if (!fused.has(layer) || lateral?.op !== 'conv2d') return [layer];
      // In the place of the addition, where `top` is already there.
      return [{ ...lateral, output: layer.output, residuals: [{ tensor: layer.top, kind: 'upsampled' }] }];
    }
    return layer.op === 'conv2d' && adds.has(layer.output) ? [] : [layer];
  });
}
