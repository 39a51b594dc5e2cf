/**
 * @file The projection shortcut of a residual block becomes an extra slice of the second convolution's K.
 * Identity: W y + S x + residual biases = [W S] [y; x]: one sum over the taps and channels of both sources.
 */

import type { ConvLayer, Graph } from '../layers.ts';
import { isReadOnce, producer, replaceLayers } from './rewrite.ts';

export function fuseShortcut(graph: Graph): Graph {
  const shortcuts = new Set<ConvLayer>();
  const fuse = (layer: ConvLayer): ConvLayer => {
    const [residual] = layer.residuals;
    if (layer.residuals.length !== 1 || residual.kind !== 'same') return layer;
    const shortcut = producer(graph, residual.tensor);
    if (!isProjection(shortcut) || !isReadOnce(graph, residual.tensor)) return layer;
    shortcuts.add(shortcut);
    return {
      ...layer,
      name: `${layer.name}+shortcut`,
      sources: [...layer.sources, ...shortcut.sources],
      residuals: [],
      parameters: () => {
        const [main, side] = [layer.parameters(), shortcut.parameters()];
        return {
          get weights() {
            return [...main.weights, ...side.weights];
          },
          bias: main.bias?.map((value, i) => value + (side.bias?.[i] ?? 0)),
        };
      },
    };
  };
  const fused = graph.layers.map((layer) => (layer.op === 'conv2d' ? fuse(layer) : layer));
  return replaceLayers({ ...graph, layers: fused }, (layer) =>
    layer.op === 'conv2d' && shortcuts.has(layer) ? [] : [layer],
  );
}

/** A convolution with a bias and nothing else, as a projection is after its batch norm was folded. */
function isProjection(layer: ReturnType<typeof producer>): layer is ConvLayer {
  return layer?.op === 'conv2d' && !layer.relu && layer.residuals.length === 0 && layer.bias;
}
