/** @file A weights file taken for what it must be: the parameters of a DB-ResNet-18, all there and of the right shape. */

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
 * Checks names and shapes of all tensors; every one that is missing, superfluous or misshapen stands in the error.
 * @throws DBNetError `incompatible-weights`.
 */
export function readCheckpoint(file: Safetensors): Checkpoint {
  const names = new Map([...file.tensors.keys()].map((name) => [withoutWrapper(name), name]));
  const deformable = [...names.keys()].filter((name) => name.includes('conv2_offset'));
  if (deformable.length > 0) {
    throw new DBNetError(
      'incompatible-weights',
      `expected a ResNet-18 without deformable convolutions, found ${list(deformable)}: ` +
        'deformable checkpoints are not supported; use weights trained without them',
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
    return [`${name} (expected [${shape}], found [${tensor.shape}])`];
  });
  const complaints = [
    ['missing', missing],
    ['superfluous', superfluous],
    ['misshapen', misshapen],
  ] as const;
  if (complaints.some(([, tensors]) => tensors.length > 0)) {
    const found = complaints
      .filter(([, tensors]) => tensors.length > 0)
      .map(([word, tensors]) => `${tensors.length} ${word}: ${list(tensors)}`);
    throw new DBNetError(
      'incompatible-weights',
      `expected the ${expected.size} tensors of a DB-ResNet-18 with the names of the authors' checkpoints; found ` +
        `${found.join('; ')}`,
    );
  }
  return {
    hasThresholdHead,
    parameters: countParameters(expected),
    entries: ({ thresholdHead }) => dbResNet18({ thresholdHead: thresholdHead && hasThresholdHead }),
    source: (name) => plausible(name, file.float32(names.get(name)!)),
  };
}

const withoutWrapper = (name: string) => (name.startsWith(wrapper) ? name.slice(wrapper.length) : name);

const list = (names: readonly string[]) => names.join(', ');

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
  if (index !== -1) {
    throw new DBNetError(
      'incompatible-weights',
      `expected ${isVariance ? 'finite variances from 0 on' : 'finite numbers'}, found ${values[index]} at index ` +
        `${index} of '${name}': the file is damaged or the training diverged`,
    );
  }
  return values;
}
