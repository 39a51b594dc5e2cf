/**
 * @file A weights file taken for what it must be: the network that its metadata holds, or one that is recognised by its
 * tensors, with all parameters there and of the right shape.
 */

import { between, check, kind } from '../check.ts';
import { quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { isStatistic } from '../graph/batch-norm.ts';
import { type Graph, type Network, parameterShapes } from '../graph/graph.ts';
import { checkNetwork, readNetwork } from '../graph/network-json.ts';
import { peekHeader } from '../safetensors/parse.ts';
import { type Family, families, type Shapes, strangers } from './families.ts';
import { openWeights, type WeightsFile } from './open-weights.ts';
import type { Metadata } from './recipes.ts';

export interface Checkpoint {
  /** For people. */
  name: string;
  /** `db-resnet18`, `db-resnet50-dcn`, ...; of a file with a network of its own what its metadata says, else `network`. */
  architecture: string;
  /** Number of parameters that the network uses; running statistics are not counted. */
  parameterCount: number;
  /** The network with its parameters. @throws DBNetError `incompatible-weights` on reading one that cannot be what it stands for. */
  graph: Graph;
  /** What the file says of itself; where it does not state its `input`, what its family's publisher says stands behind it. */
  metadata: Metadata;
  /** Tensors of the file that take no part, by their names in it. */
  dropped: readonly string[];
}

/** Prefixes of checkpoints that were saved from a wrapped model, the longest first. */
const wrappers = ['model.module.', 'module.'];

/** Tensors that occur in published checkpoints, or in saved states of training, and take no part in inference. */
const unused = /^backbone\.(fc|smooth)\.|^training\.|\.num_batches_tracked$/;

/**
 * What is in the bytes of a weights file, of any kind.
 * @throws DBNetError as `openWeights` and `readCheckpoint`.
 */
export const openCheckpoint = async (bytes: Uint8Array): Promise<Checkpoint> =>
  readCheckpoint(await openWeights(bytes));

/**
 * The network of a safetensors file of which the beginning is there; undefined until its header is. Its parameters cannot be
 * read.
 * @throws DBNetError as `openCheckpoint`, but for what only the whole file shows.
 */
export function peekCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  const header = peekHeader(bytes);
  const float32 = () => {
    throw new Error('the weights are not there yet');
  };
  return header && readCheckpoint({ ...header, float32 });
}

/**
 * Checks names and shapes of all tensors; what is missing, superfluous or misshapen stands in the error, by its number
 * and the first few.
 * @throws DBNetError `incompatible-weights`.
 */
export function readCheckpoint(file: WeightsFile): Checkpoint {
  const stored = [...file.tensors.keys()];
  const prefix = wrapperOf(stored);
  const names = new Map(stored.map((name) => [name.slice(prefix.length), name]));
  const shapes: Shapes = new Map([...names].map(([name, stored]) => [name, file.tensors.get(stored)!.shape]));
  const { name, note, architecture, network, metadata } = networkOf(file, shapes);
  const expected = parameterShapes(network);
  checkShapes({ name, note }, expected, shapes, stored);
  checkNetwork(network);
  return {
    name,
    architecture,
    parameterCount: countParameters(expected),
    graph: { ...network, parameters: (name) => plausible(name, file.float32(names.get(name)!)) },
    // The thresholds of published weights are not those of weights that bring an input recipe of their own.
    metadata: file.metadata.input === undefined ? { ...metadata, ...file.metadata } : file.metadata,
    dropped: [...names]
      .filter(([name]) => !expected.has(name))
      .map(([, stored]) => stored)
      .concat(file.dropped ?? []),
  };
}

interface Found {
  /** For people, and what is to be said of it where the file does not fit. */
  name: string;
  note?: string;
  architecture: string;
  network: Network;
  metadata: Metadata;
}

function networkOf({ metadata, network: brought }: WeightsFile, shapes: Shapes): Found {
  const { architecture: stated } = metadata;
  const own = brought ?? (metadata.network === undefined ? undefined : readNetwork(metadata.network));
  if (own) {
    const architecture = stated ?? 'network';
    return { name: `network ${quote(architecture)}`, architecture, network: own, metadata: {} };
  }
  const k =
    metadata.k === undefined
      ? 50
      : check("metadata 'k' of the weights", Number(metadata.k), steepness, 'incompatible-weights');
  refuseStrangers(shapes);
  const fitting = families.find(({ tensors }) => tensors.every((name) => shapes.has(name)));
  const family = fitting ?? nearestFamily(shapes, k);
  const { architecture, network } = family.member(shapes, k);
  if (stated !== undefined && stated !== architecture) {
    throw unfit(`'${architecture}' as metadata 'architecture' of a ${family.name}`, quote(stated));
  }
  const note = fitting ? undefined : `, the nearest of those known (${knownFamilies})`;
  return { name: family.name, note, architecture, network, metadata: family.metadata };
}

const steepness = kind<number>('a number above 0, at most 1e6', (k) => between(Number.MIN_VALUE, 1e6).is(k));

const knownFamilies = families.map(({ name }) => name).join(', ');

/** The family of which a file has the most tensors. */
function nearestFamily(shapes: Shapes, k: number): Family {
  const shared = families.map(({ member }) => {
    const names = [...parameterShapes(member(shapes, k).network).keys()];
    return names.filter((name) => shapes.has(name)).length;
  });
  return families[shared.lastIndexOf(Math.max(...shared))];
}

/** @throws DBNetError `incompatible-weights` for a network that is known, and cannot be used. */
function refuseStrangers(shapes: Shapes): void {
  const names = [...shapes.keys()];
  for (const { name, has, hasNot } of strangers) {
    const sign = names.find((name) => has.test(name));
    if (sign === undefined || names.some((name) => hasNot?.test(name))) continue;
    throw unfit(`weights of a network that is known (${knownFamilies})`, `'${cut(sign)}', as of ${name}`);
  }
}

/** The prefix of all names, '' where there is none. */
function wrapperOf(stored: readonly string[]): string {
  const prefix = wrappers.find((prefix) => stored.some((name) => name.startsWith(prefix))) ?? '';
  const wrapped = stored.filter((name) => name.startsWith(prefix)).length;
  if (wrapped === stored.length) return prefix;
  throw unfit(
    `all names or none to begin with '${prefix}'`,
    `${wrapped} that do and ${stored.length - wrapped} that do not`,
  );
}

function checkShapes(
  { name, note = '' }: Pick<Found, 'name' | 'note'>,
  expected: Shapes,
  found: Shapes,
  stored: readonly string[],
): void {
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
    `the ${expected.size} tensors of a ${name}${prefix === undefined ? note : ''}`,
    prefix === undefined
      ? complaints.map(([word, tensors]) => `${tensors.length} ${word}: ${list(tensors)}`).join('; ')
      : `${quote(prefix)} in front of all ${stored.length} names: save the model that is inside, or take it off`,
  );
}

const unfit = (expected: string, found: string) =>
  new DBNetError('incompatible-weights', `expected ${expected}, found ${found}`);

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
    if (!isStatistic(name)) sum += shape.reduce((product, side) => product * side, 1);
  }
  return sum;
}

/** @throws DBNetError `incompatible-weights` for values that are not finite, and for variances below zero. */
function plausible(name: string, values: Float32Array): Float32Array {
  const isVariance = name.endsWith('.running_var');
  const least = isVariance ? 0 : -Number.MAX_VALUE;
  // Millions of numbers: `findIndex` takes several times as long.
  let index = 0;
  while (index < values.length && values[index] >= least && values[index] <= Number.MAX_VALUE) index++;
  if (index === values.length) return values;
  throw unfit(
    isVariance ? 'finite variances from 0 on' : 'finite numbers',
    `${values[index]} at index ${index} of '${name}': the file is damaged or the training diverged`,
  );
}
