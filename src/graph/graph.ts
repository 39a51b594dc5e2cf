/**
 * @file A network as data: operations in execution order that name their tensors and parameters; and a graph, the
 * same with the numbers.
 */

import {
  type DerivedParameters,
  type Factors,
  factorsOf,
  multiplied,
  type OperationKind,
  type ParameterSource,
} from './operation.ts';
import { type Operation, operations } from './operations/index.ts';

/** A list of operations, plain JSON. `input` is the image `[height, width, 3]`. */
export interface Network {
  input: string;
  operations: readonly Operation[];
  outputs: readonly string[];
}

/** A network with its parameters. */
export interface Graph extends Network {
  parameters: ParameterSource;
}

export const kindOf = (operation: Operation): OperationKind<Operation> => operations[operation.op];

/** The tensors that an operation reads. */
export const inputsOf = (operation: Operation): readonly string[] => kindOf(operation).inputs(operation);

/** The tensors that an operation writes. */
export const outputsOf = (operation: Operation): readonly string[] => kindOf(operation).outputs(operation);

/** Names and shapes of all parameters of a network. */
export const parameterShapes = ({
  operations,
}: Pick<Network, 'operations'>): Map<string, readonly number[]> =>
  new Map(operations.flatMap((operation) => kindOf(operation).parameters?.(operation) ?? []));

/** Steepness of a network's binarization, paper eq. 2. */
export function steepnessOf({ operations }: Network): number {
  const head = operations.find((operation) => operation.op === 'dbHead');
  if (!head) throw new Error('the network has no DB head');
  return head.k;
}

/** The graph with other operations, and with more parameters. */
export const rewritten = (
  graph: Graph,
  operations: readonly Operation[],
  derived: DerivedParameters = {},
): Graph => {
  const factors = (name: string): Factors => {
    if (!Object.hasOwn(derived, name)) return factorsOf(graph.parameters, name);
    const parameter = derived[name];
    return typeof parameter === 'function' ? { values: parameter } : parameter;
  };
  const parameters = Object.assign((name: string) => multiplied(factors(name)), { factors });
  return { ...graph, operations, parameters };
};

/** Removes operations whose outputs nobody reads. */
export function dropUnused<N extends Network>(network: N): N {
  const needed = new Set(network.outputs);
  const used = network.operations.toReversed().filter((operation) => {
    const isUsed = outputsOf(operation).some((tensor) => needed.has(tensor));
    if (isUsed) for (const tensor of inputsOf(operation)) needed.add(tensor);
    return isUsed;
  });
  return { ...network, operations: used.reverse() };
}

/** The network that computes P alone: without the threshold head and what only it needs. */
export function probabilityAlone<N extends Network>(network: N): N {
  return dropUnused({
    ...network,
    outputs: network.outputs.slice(0, 1),
    operations: network.operations.map((operation) =>
      operation.op === 'dbHead' && operation.heads.length === 2
        ? {
            ...operation,
            outputs: operation.outputs.slice(0, 1),
            features: operation.features.slice(0, 1),
            heads: operation.heads.slice(0, 1),
          }
        : operation,
    ),
  });
}
