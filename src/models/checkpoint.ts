/**
 * @file A weights file taken for what it must be: the network that its metadata holds, or one that is recognised by its
 * tensors, with all parameters there and of the right shape.
 */

import { DBNetError } from '../errors.ts';
import { type Graph, type Network, parameterShapes } from '../graph/graph.ts';
import { readNetwork } from '../graph/network-json.ts';
import type { Safetensors } from '../safetensors/parse.ts';
import { families, type Shapes } from './families.ts';

export interface Checkpoint {
  /** For people: the name of the family, or of the file's own network. */
  architecture: string;
  /** Number of parameters that the network uses; running statistics are not counted. */
  parameterCount: number;
  /** The network with its parameters. @throws DBNetError `incompatible-weights` on reading one that is not finite. */
  graph: Graph;
}

/** Prefix of checkpoints that were saved from a wrapped model. */
const wrapper = 'model.module.';

/** Tensors that occur in published checkpoints, or in saved states of training, and take no part in inference. */
const unused = /^backbone\.(fc|smooth)\.|^training\.|\.num_batches_tracked$/;

/**
 * Checks names and shapes of all tensors; every one that is missing, superfluous or misshapen stands in the error.
 * @param k steepness of the binarization, where the network does not say it itself.
 * @throws DBNetError `incompatible-weights`.
 */
export function readCheckpoint(file: Safetensors, { k = 50 }: { k?: number } = {}): Checkpoint {
  const names = new Map([...file.tensors.keys()].map((name) => [withoutWrapper(name), name]));
  const shapes: Shapes = new Map([...names].map(([name, stored]) => [name, file.tensors.get(stored)!.shape]));
  refuseDeformable(shapes);
  const { architecture, network } = networkOf(file, shapes, k);
  const expected = parameterShapes(network);
  checkShapes(architecture, expected, shapes);
  return {
    architecture,
    parameterCount: countParameters(expected),
    graph: { ...network, parameters: (name) => finite(name, file.float32(names.get(name)!)) },
  };
}

function networkOf(
  { metadata }: Safetensors,
  shapes: Shapes,
  k: number,
): { architecture: string; network: Network } {
  if (metadata.network !== undefined) {
    return { architecture: metadata.architecture ?? 'network', network: readNetwork(metadata.network) };
  }
  const family =
    families.find(({ tensors }) => tensors.every((name) => shapes.has(name))) ?? families.at(-1)!;
  return { architecture: family.name, network: family.network(shapes, k) };
}

function refuseDeformable(shapes: Shapes): void {
  const deformable = [...shapes.keys()].filter((name) => name.includes('conv2_offset'));
  if (deformable.length > 0) {
    throw new DBNetError(
      'incompatible-weights',
      `expected a ResNet-18 without deformable convolutions, found ${list(deformable)}: ` +
        'deformable checkpoints are not supported; use weights trained without them',
    );
  }
}

function checkShapes(architecture: string, expected: Shapes, found: Shapes): void {
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  const superfluous = [...found.keys()].filter((name) => !expected.has(name) && !unused.test(name));
  const misshapen = [...expected].flatMap(([name, shape]) => {
    const other = found.get(name);
    if (!other || String(other) === String(shape)) return [];
    return [`${name} (expected [${shape}], found [${other}])`];
  });
  const complaints = [
    ['missing', missing],
    ['superfluous', superfluous],
    ['misshapen', misshapen],
  ] as const;
  if (complaints.some(([, tensors]) => tensors.length > 0)) {
    const wrong = complaints
      .filter(([, tensors]) => tensors.length > 0)
      .map(([word, tensors]) => `${tensors.length} ${word}: ${list(tensors)}`);
    throw new DBNetError(
      'incompatible-weights',
      `expected the ${expected.size} tensors of a ${architecture}; found ` + `${wrong.join('; ')}`,
    );
  }
}

const withoutWrapper = (name: string) => (name.startsWith(wrapper) ? name.slice(wrapper.length) : name);

const list = (names: readonly string[]) => names.join(', ');

function countParameters(shapes: Shapes): number {
  let sum = 0;
  for (const [name, shape] of shapes) {
    if (!name.includes('.running_')) sum += shape.reduce((product, side) => product * side, 1);
  }
  return sum;
}

function finite(name: string, values: Float32Array): Float32Array {
  const index = values.findIndex((value) => !Number.isFinite(value));
  if (index !== -1) {
    throw new DBNetError(
      'incompatible-weights',
      `expected finite numbers, found ${values[index]} at index ${index} of '${name}': the file is damaged or ` +
        'the training diverged',
    );
  }
  return values;
}
