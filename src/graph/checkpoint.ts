/** @file A weights file taken for what it must be: the parameters of a DB-ResNet-18, all there and of the right shape. */

import { quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { Safetensors } from '../safetensors/parse.ts';
import { dbResNet18, type Entry, parameterShapes } from './dbnet.ts';
import type { ParameterSource } from './fold-batch-norm.ts';

export interface Checkpoint {
  hasThresholdHead: boolean;
  /** Number of parameters that the network uses. */
  parameters: number;
  /** The network, with the threshold head only if asked for (and there). */
  entries: (options: { thresholdHead: boolean }) => Entry[];
  /** A parameter's values by name. @throws DBNetError `incompatible-weights` if one cannot be what it stands for. */
  source: ParameterSource;
}

/** Prefix of checkpoints that were saved from a wrapped model. */
const wrapper = 'model.module.';

/** Tensors that occur in the authors' checkpoints, or in saved states of training, and take no part in inference. */
const unused = /^backbone\.(fc|smooth)\.|^training\.|\.num_batches_tracked$/;

/**
 * Checks names and shapes of all tensors; what is missing, superfluous or misshapen stands in the error, by its number
 * and the first few.
 * @throws DBNetError `incompatible-weights`.
 */
export function readCheckpoint(file: Safetensors): Checkpoint {
  const stored = [...file.tensors.keys()];
  const names = new Map(stored.map((name) => [withoutWrapper(name), name]));
  const deformable = [...names.keys()].filter((name) => name.includes('conv2_offset'));
  if (deformable.length > 0) {
    throw unfit(
      'a ResNet-18 without deformable convolutions',
      `${list(deformable)}: deformable checkpoints are not supported; use weights trained without them`,
    );
  }
  const wrapped = stored.filter((name) => name.startsWith(wrapper)).length;
  if (wrapped > 0 && wrapped < stored.length) {
    throw unfit(
      `all names or none to begin with '${wrapper}'`,
      `${wrapped} that do and ${stored.length - wrapped} that do not`,
    );
  }
  const hasThresholdHead = [...names.keys()].some((name) => name.startsWith('decoder.thresh.'));
  const entries = dbResNet18({ thresholdHead: hasThresholdHead });
  const expected = parameterShapes(entries);
  const missing = [...expected.keys()].filter((name) => !names.has(name));
  const superfluous = [...names.keys()].filter((name) => !expected.has(name) && !unused.test(name));
  const misshapen = [...expected].flatMap(([name, shape]) => {
    const tensor = file.tensors.get(names.get(name) ?? '');
    if (!tensor || String(tensor.shape) === String(shape)) return [];
    return [`${name} (expected [${shape}], found [${cut(String(tensor.shape))}])`];
  });
  const complaints = Object.entries({ missing, superfluous, misshapen }).filter(
    ([, tensors]) => tensors.length > 0,
  );
  if (complaints.length > 0) {
    const prefix = commonPrefix(stored, expected);
    throw unfit(
      `the ${expected.size} tensors of a DB-ResNet-18 with the names of the authors' checkpoints`,
      prefix === undefined
        ? complaints.map(([word, tensors]) => `${tensors.length} ${word}: ${list(tensors)}`).join('; ')
        : `${quote(prefix)} in front of all ${stored.length} names: save the model that is inside, or take it off`,
    );
  }
  return {
    hasThresholdHead,
    parameters: countParameters(expected),
    entries: ({ thresholdHead }) => dbResNet18({ thresholdHead: thresholdHead && hasThresholdHead }),
    source: (name) => plausible(name, file.float32(names.get(name)!)),
  };
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

/** Parameters in the usual sense: running statistics are not counted. */
function countParameters(shapes: ReadonlyMap<string, readonly number[]>): number {
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
