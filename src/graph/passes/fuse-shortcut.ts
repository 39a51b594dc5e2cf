/**
 * @file The projection shortcut of a residual block becomes an extra slice of the second convolution's K.
 * Identity: W y + S x + residual biases = [W S] [y; x]: one sum over the taps and channels of both sources.
 */

import type { Graph } from '../graph.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import { isAffineMap, isReadOnce, producer, replaceOperations } from './rewrite.ts';

export function fuseShortcut(graph: Graph): Graph {
  const { parameters } = graph;
  const shortcuts = new Set<Operation>();
  const fused = replaceOperations(graph, (operation, derive) => {
    // Factors would scale the shortcut as well.
    if (operation.op !== 'conv2d' || operation.factors) return [operation];
    const { name, residuals, sources, bias } = operation;
    if (residuals.length !== 1 || residuals[0].kind !== 'same') return [operation];
    const shortcut = producer(graph, residuals[0].tensor);
    if (!bias || !isProjection(shortcut) || !isReadOnce(graph, residuals[0].tensor)) return [operation];
    shortcuts.add(shortcut);
    const sum = derive(`${bias} + ${shortcut.bias}`, () => {
      const side = parameters(shortcut.bias);
      return Float64Array.from(parameters(bias), (value, i) => value + side[i]);
    });
    return [
      {
        ...operation,
        name: `${name}+shortcut`,
        sources: [...sources, ...shortcut.sources],
        bias: sum,
        residuals: [],
      },
    ];
  });
  return replaceOperations(fused, (operation) => (shortcuts.has(operation) ? [] : [operation]));
}

/** A convolution with a bias and nothing else, as a projection is after its batch norm was folded. */
function isProjection(operation: Operation | undefined): operation is Conv2dOperation & { bias: string } {
  return isAffineMap(operation) && operation.bias !== undefined;
}
