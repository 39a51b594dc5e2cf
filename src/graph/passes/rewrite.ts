/** @file What all passes need: who writes a tensor, who reads it, and operations in the place of others. */

import type { Padding } from '../fields.ts';
import { type Graph, inputsOf, outputsOf, rewritten } from '../graph.ts';
import type { DerivedParameters } from '../operation.ts';
import type { Conv2dOperation, ConvSource } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';

/** The operation that writes `tensor`; undefined for the input. */
export const producer = (graph: Graph, tensor: string): Operation | undefined =>
  graph.operations.find((operation) => outputsOf(operation).includes(tensor));

/** True for a tensor that one operation reads and that is no output. */
export const isReadOnce = (graph: Graph, tensor: string): boolean =>
  graph.operations.filter((operation) => inputsOf(operation).includes(tensor)).length === 1 &&
  !graph.outputs.includes(tensor);

/** A convolution of one source with no more than a bias and a batch norm. */
export function isAffineMap(operation: Operation | undefined): operation is Conv2dOperation {
  return (
    operation?.op === 'conv2d' &&
    operation.sources.length === 1 &&
    operation.residuals.length === 0 &&
    operation.activation === 'none' &&
    !operation.factors &&
    !operation.affine
  );
}

/** The same without bias and norm: a linear map of its one source. */
export const isLinear = (operation: Operation | undefined): operation is Conv2dOperation =>
  isAffineMap(operation) && !operation.bias && !operation.norm;

/** True for a window of one pixel that moves over all pixels. */
export const isPoint = ({ kernel, stride, padding }: Window): boolean =>
  kernel === 1 && stride === 1 && isPadded(padding, 0);

/** A window and the zeros around its source: on all four sides, or above and left where the sizes say the others. */
export type Window = Pick<ConvSource, 'kernel' | 'stride'> & { padding: Pick<Padding, 'top' | 'left'> };

/** True for a 3x3 window whose output is as large as its source. */
export const isSame3x3 = ({ kernel, stride, padding }: Window): boolean =>
  kernel === 3 && stride === 1 && isPadded(padding, 1);

/** True where there are so many zeros on every side. */
export const isPadded = (padding: Window['padding'], zeros: number): boolean =>
  Object.values(padding).every((side) => side === zeros);

/** Adds a parameter that is computed when it is read, and gives its name back. */
export type Derive = (name: string, values: DerivedParameters[string]) => string;

/** Replaces each operation by any number of operations in its place. */
export function replaceOperations(
  graph: Graph,
  replace: (operation: Operation, derive: Derive) => readonly Operation[],
): Graph {
  const derived: Record<string, DerivedParameters[string]> = {};
  const derive: Derive = (name, values) => {
    derived[name] = values;
    return name;
  };
  const operations = graph.operations.flatMap((operation) => replace(operation, derive));
  return rewritten(graph, operations, derived);
}
