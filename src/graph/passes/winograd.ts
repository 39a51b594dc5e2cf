/**
 * @file 3x3 convolutions of stride 1 by Winograd's minimal filtering: a quarter (F(4,3)) or less than half (F(2,3)) of
 * the multiply-adds, for two transforms and more memory. Identity: `kernels/winograd.ts`. Rounding errors are about
 * eight times those of the plain sum in F(4,3), so it is for f32 only.
 */

import type { WinogradSize } from '../../kernels/winograd.ts';
import type { Graph } from '../graph.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import { isSame3x3, replaceOperations, type Window } from './rewrite.ts';

/** True for a convolution that can be transformed. */
export const suitsWinograd = ({ sources }: { sources: readonly Window[] }): boolean =>
  sources.length === 1 && isSame3x3(sources[0]);

/** Which convolutions are transformed, and with which tiles; undefined: not at all. */
export type WinogradRule = (operation: Conv2dOperation) => WinogradSize | undefined;

/** Transforms those of the convolutions that can be which the rule names a size for. */
export const winograd = (graph: Graph, rule: WinogradRule): Graph =>
  replaceOperations(graph, (operation) => {
    if (operation.op !== 'conv2d' || operation.factors || !suitsWinograd(operation)) return [operation];
    const size = rule(operation);
    return size === undefined ? [operation] : transformed(operation, size);
  });

function transformed(operation: Conv2dOperation, size: WinogradSize): Operation[] {
  const { name, output, residuals, outChannels, bias, activation, affine } = operation;
  const [{ tensor: input, weight, inChannels }] = operation.sources;
  const [tiles, products] = [`${name}.tiles`, `${name}.products`];
  return [
    { op: 'winogradInput', name: tiles, input, output: tiles, size },
    {
      op: 'winogradProducts',
      // Its weights are others for each size.
      name: `${name}.F(${size},3)`,
      input: tiles,
      output: products,
      weight,
      inChannels,
      outChannels,
      size,
    },
    {
      op: 'winogradOutput',
      name,
      input: products,
      output,
      like: input,
      size,
      outChannels,
      bias,
      residuals,
      activation,
      affine,
    },
  ];
}
