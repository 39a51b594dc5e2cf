/** @file A network from JSON, as a weights file carries it in its metadata. Anything may stand there. */

import { array, check, invalid, type Kind, mismatch, object } from '../check.ts';
import { DBNetError } from '../errors.ts';
import { list, name } from './fields.ts';
import { inputsOf, type Network, outputsOf } from './graph.ts';
import { inferShapes } from './infer-shapes.ts';
import { type Operation, operations } from './operations/index.ts';

const code = 'incompatible-weights';

/** More than any network of this kind has. */
const maxOperations = 4096;

/** Version of the format; grows when old readers would misread it. */
const version = 1;

/** A network as JSON: the same text for the same network, in whichever order its operations' members were given. */
export const writeNetwork = ({ input, operations: listed, outputs }: Network): string =>
  JSON.stringify({ version, input, operations: listed.map(ordered), outputs });

function ordered(operation: Operation): object {
  const members = new Map<string, unknown>(Object.entries(operation));
  const { fields }: { fields?: Readonly<Record<string, Kind>> } = operations[operation.op];
  return Object.fromEntries(['op', ...Object.keys(fields ?? {})].map((key) => [key, members.get(key)]));
}

/**
 * The network that {@link writeNetwork} wrote.
 * @throws DBNetError `incompatible-weights` for what is no network: unknown operations and members, tensors that are
 *   read before they are written or written twice, shapes that do not fit, maps that are not the size of the image.
 */
export function readNetwork(json: string): Network {
  const value = check('network', parse(json), object, code);
  if (value.version !== version) throw invalid('network.version', String(version), value.version, code);
  const listed = check('network.operations', value.operations, array, code);
  checkCount(listed);
  const network: Network = {
    input: check('network.input', value.input, name, code),
    operations: listed.map((record, i) => readOperation(record, `network.operations[${i}]`)),
    outputs: check('network.outputs', value.outputs, list(name, { from: 1, to: 3 }), code),
  };
  checkNetwork(network);
  return network;
}

/**
 * Whether a network can be computed: its order, its shapes, its maps.
 * @throws DBNetError `incompatible-weights`
 */
export function checkNetwork(network: Network): void {
  checkCount(network.operations);
  checkOrder(network);
  checkSizes(network);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new DBNetError(code, "metadata 'network': expected JSON, found something else", { cause });
  }
}

/** Operations that may stand in a file. */
const readable = Object.entries(operations).filter(([, { fields }]) => fields);

function readOperation(value: unknown, path: string): Operation {
  const members = check(path, value, object, code);
  const found = readable.find(([op]) => op === members.op);
  if (!found) {
    const known = readable.map(([op]) => op).join(', ');
    throw invalid(`${path}.op`, `one of ${known}`, members.op, code);
  }
  const [op, { fields }]: [string, { fields?: Readonly<Record<string, Kind>> }] = found;
  const unknown = Object.keys(members).find((key) => key !== 'op' && !Object.hasOwn(fields!, key));
  if (unknown !== undefined) {
    throw mismatch(path, `only ${Object.keys(fields!).join(', ')}`, `'${unknown.slice(0, 40)}'`, code);
  }
  const entries = Object.entries(fields!).map(([key, expected]) => [
    key,
    check(`${path}.${key}`, members[key], expected, code),
  ]);
  return { op, ...Object.fromEntries(entries) } as Operation;
}

function checkCount({ length }: readonly unknown[]): void {
  if (length > maxOperations) {
    throw mismatch('network.operations', `at most ${maxOperations}`, String(length), code);
  }
}

/** Each tensor is written once and read after that; names of operations are unique. */
function checkOrder({ input, operations, outputs }: Network): void {
  const written = new Set([input]);
  const names = new Set<string>();
  for (const operation of operations) {
    const at = `network, operation '${operation.name}'`;
    if (names.has(operation.name)) throw mismatch(at, 'a name of its own', 'one that is taken', code);
    names.add(operation.name);
    for (const tensor of inputsOf(operation)) {
      if (!written.has(tensor)) throw mismatch(at, 'tensors that were written before', `'${tensor}'`, code);
    }
    for (const tensor of outputsOf(operation)) {
      if (written.has(tensor)) throw mismatch(at, 'a tensor that is not there yet', `'${tensor}'`, code);
      written.add(tensor);
    }
  }
  const head = operations.find(({ op }) => op === 'dbHead');
  const maps = head ? outputsOf(head) : [];
  if (maps.join() !== outputs.join()) {
    throw mismatch('network.outputs', `what its DB head writes (${maps})`, outputs.join(', '), code);
  }
}

/** Two sizes tell what is a multiple of what. */
const trialSizes = [
  { width: 64, height: 32 },
  { width: 96, height: 160 },
];

function checkSizes(network: Network): void {
  for (const size of trialSizes) {
    const shapes = inferShapes(network, size);
    for (const [tensor, { width, height }] of shapes) {
      if (!isSide(width) || !isSide(height)) {
        throw mismatch(`network, tensor '${tensor}'`, 'whole sides', `${width}x${height}`, code);
      }
    }
    for (const map of network.outputs) {
      const { width, height } = shapes.get(map)!;
      if (width === size.width && height === size.height) continue;
      throw mismatch(
        `network, map '${map}'`,
        'the size of the image',
        `${width}x${height} of ${size.width}x${size.height}`,
        code,
      );
    }
  }
}

const isSide = (side: number): boolean => Number.isSafeInteger(side) && side > 0;
