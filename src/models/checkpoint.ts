/**
 * @file A weights file taken for what it must be: the network that its metadata holds, or one that is recognised by its
 * tensors, with all parameters there and of the right shape.
 */

import { quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { type Graph, type Network, parameterShapes } from '../graph/graph.ts';
import { checkNetwork, readNetwork } from '../graph/network-json.ts';
import type { TensorFile } from '../tensor-file.ts';
import { families, type Shapes } from './families.ts';

export interface Checkpoint {
  /** `db-resnet18`, `db-resnet50`; of a file with a network of its own what its metadata says, else `network`. */
  architecture: string;
  /** Number of parameters that the network uses; running statistics are not counted. */
  parameterCount: number;
  /** The network with its parameters. @throws DBNetError `incompatible-weights` on reading one that cannot be what it stands for. */
  graph: Graph;
}

/** Prefix of checkpoints that were saved from a wrapped model. */
const wrapper = 'model.module.';

/** Tensors that occur in published checkpoints, or in saved states of training, and take no part in inference. */
const unused = /^backbone\.(fc|smooth)\.|^training\.|\.num_batches_tracked$/;

/**
 * Checks names and shapes of all tensors; what is missing, superfluous or misshapen stands in the error, by its number
 * and the first few.
 * @param k steepness of the binarization, where the network does not say it itself.
 * @throws DBNetError `incompatible-weights`.
 */
export function readCheckpoint(file: TensorFile, { k = 50 }: { k?: number } = {}): Checkpoint {
  const stored = [...file.tensors.keys()];
  const names = new Map(stored.map((name) => [withoutWrapper(name), name]));
  const shapes: Shapes = new Map([...names].map(([name, stored]) => [name, file.tensors.get(stored)!.shape]));
  refuseDeformable(shapes);
  refuseMixed(stored);
  const { name, architecture, network } = networkOf(file, shapes, k);
  const expected = parameterShapes(network);
  checkShapes(name, expected, shapes, stored);
  checkNetwork(network);
  return {
    architecture,
    parameterCount: countParameters(expected),
    graph: { ...network, parameters: (name) => plausible(name, file.float32(names.get(name)!)) },
  };
}

interface Found {
  /** For people. */
  name: string;
  architecture: string;
  network: Network;
}

function networkOf({ metadata }: TensorFile, shapes: Shapes, k: number): Found {
  const { architecture: stated } = metadata;
  if (metadata.network !== undefined) {
    const architecture = stated ?? 'network';
    return { name: `network ${quote(architecture)}`, architecture, network: readNetwork(metadata.network) };
  }
  const family =
    families.find(({ tensors }) => tensors.every((name) => shapes.has(name))) ?? families.at(-1)!;
  const { name, architecture } = family;
  if (stated !== undefined && stated !== architecture) {
    throw unfit(`'${architecture}' as metadata 'architecture' of a ${name}`, quote(stated));
  }
  return { name, architecture, network: family.network(shapes, k) };
}

function refuseDeformable(shapes: Shapes): void {
  const deformable = [...shapes.keys()].filter((name) => name.includes('conv2_offset'));
  if (deformable.length === 0) return;
  throw unfit(
    'a ResNet without deformable convolutions',
    `${list(deformable)}: deformable checkpoints are not supported; use weights trained without them`,
  );
}

function refuseMixed(stored: readonly string[]): void {
  const wrapped = stored.filter((name) => name.startsWith(wrapper)).length;
  if (wrapped === 0 || wrapped === stored.length) return;
  throw unfit(
    `all names or none to begin with '${wrapper}'`,
    `${wrapped} that do and ${stored.length - wrapped} that do not`,
  );
}

function checkShapes(name: string, expected: Shapes, found: Shapes, stored: readonly string[]): void {
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  const superfluous = [...found.keys()].filter((name) => !expected.has(name) && !unused.test(name));
  const misshapen = [...expected].flatMap(([name, shape]) => {
    const other = found.get(name);
    if (!other || String(other) === String(shape)) return [];
    return [`${name} (expected [${shape}], found [${cut(String(other))}])`];
  });
  const complaints = Object.entries({ missing, superfluous, misshapen }).filter(
    ([, tensors]) => tensors.length > 0,
  );
  if (complaints.length === 0) return;
  const prefix = commonPrefix(stored, expected);
  throw unfit(
    `the ${expected.size} tensors of a ${name}`,
    prefix === undefined
      ? complaints.map(([word, tensors]) => `${tensors.length} ${word}: ${list(tensors)}`).join('; ')
      : `${quote(prefix)} in front of all ${stored.length} names: save the model that is inside, or take it off`,
  );
}

const unfit = (expected: string, found: string) =>
  new DBNetError('incompatible-weights', `expected ${expected}, found ${found}`);

const withoutWrapper = (name: string) => (name.startsWith(wrapper) ? name.slice(wrapper.length) : name);

/** What all names begin with, up to a point, if names of the network follow it. */
function commonPrefix(names: readonly string[], expected: ReadonlyMap<string, unknown>): string | undefined {
  const [first = ''] = names;
  for (let dot = first.indexOf('.'); dot !== -1; dot = first.indexOf('.', dot + 1)) {
    const prefix = first.slice(0, dot + 1);
    if (!names.every((name) => name.startsWith(prefix))) return undefined;
    if (names.some((name) => expected.has(name.slice(prefix.length)))) return prefix;
  }
  return undefined;
}

const mostNames = 5;
const longestName = 100;

const cut = (text: string) => (text.length > longestName ? `${text.slice(0, longestName)}...` : text);

/** The first few. */
function list(names: readonly string[]): string {
  const rest = names.length - mostNames;
  const shown = names.slice(0, mostNames).map(cut).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

function countParameters(shapes: Shapes): number {
  let sum = 0;
  for (const [name, shape] of shapes) {
    if (!name.includes('.running_')) sum += shape.reduce((product, side) => product * side, 1);
  }
  return sum;
}

/** @throws DBNetError `incompatible-weights` for values that are not finite, and for variances below zero. */
function plausible(name: string, values: Float32Array): Float32Array {
  const isVariance = name.endsWith('.running_var');
  const index = values.findIndex((value) => !Number.isFinite(value) || (isVariance && value < 0));
  if (index === -1) return values;
  throw unfit(
    isVariance ? 'finite variances from 0 on' : 'finite numbers',
    `${values[index]} at index ${index} of '${name}': the file is damaged or the training diverged`,
  );
}
