/**
 * @file What is saved: the weights as a file that the detector loads, or the whole state of a run. A state is such a
 * file too, with more tensors in it, so that it can be tried as it is.
 */

import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { Safetensors } from '../safetensors/parse.ts';
import { writeSafetensors } from '../safetensors/write.ts';
import type { KeptArray, NamedTensor, TrainingArrays } from './training-arrays.ts';
import type { TrainingSettings } from './types.ts';

/** Where a run stands. */
export interface RunState {
  /** Steps done. */
  step: number;
  settings: Required<TrainingSettings>;
  /** What the caller wants kept with it, as JSON. */
  note?: unknown;
}

/** Prefixes of a state's further tensors. What begins with `training.` is ignored by the detector. */
const prefixes = {
  firstMoments: 'training.first_moment.',
  secondMoments: 'training.second_moment.',
  average: 'training.average.',
} as const satisfies Partial<Record<KeptArray, string>>;

/** Metadata key of a state. */
const stateKey = 'training';

type Named = [string, { dtype: 'F32'; shape: readonly number[]; data: Float32Array }];

const named = (tensors: ReadonlyMap<string, NamedTensor>, prefix = ''): Named[] =>
  [...tensors].map(([name, tensor]) => [prefix + name, { dtype: 'F32', ...tensor }]);

/** The weights alone; the moving average of the parameters where the run keeps one. */
export async function weightsFile(
  arrays: TrainingArrays,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const parameters = await arrays.read(arrays.has('average') ? 'average' : 'parameters');
  const { [stateKey]: _, ...kept } = metadata;
  return writeSafetensors([...named(parameters), ...named(await arrays.read('running'))], kept);
}

/** Everything that the next step depends on. */
export async function stateFile(
  arrays: TrainingArrays,
  metadata: Readonly<Record<string, string>>,
  state: RunState,
): Promise<Uint8Array> {
  const tensors = [...named(await arrays.read('parameters')), ...named(await arrays.read('running'))];
  for (const name of Object.keys(prefixes) as (keyof typeof prefixes)[]) {
    if (arrays.has(name)) tensors.push(...named(await arrays.read(name), prefixes[name]));
  }
  return writeSafetensors(tensors, { ...metadata, [stateKey]: JSON.stringify(state) });
}

/**
 * Where the run stood that a state was saved of.
 * @throws DBNetError `incompatible-weights` for a file that is no state.
 */
export function readState(file: Safetensors): RunState {
  const text = file.metadata[stateKey];
  try {
    const state: unknown = JSON.parse(text ?? 'null');
    if (isState(state)) return state;
  } catch {
    // Reported below.
  }
  throw new DBNetError(
    'incompatible-weights',
    `expected the state of a training run (metadata '${stateKey}'), found ${text === undefined ? 'a file without it' : describe(text)}: ` +
      'pass weights as `weights`',
  );
}

function isState(value: unknown): value is RunState {
  if (typeof value !== 'object' || value === null) return false;
  const { step, settings } = value as Partial<RunState>;
  return Number.isSafeInteger(step) && typeof settings === 'object' && settings !== null;
}

/**
 * Puts the moments and the average of a state back.
 * @throws DBNetError `incompatible-weights` if one is missing.
 */
export function restoreArrays(arrays: TrainingArrays, file: Safetensors): void {
  for (const name of Object.keys(prefixes) as (keyof typeof prefixes)[]) {
    if (!arrays.has(name)) continue;
    arrays.write(name, (parameter) => {
      const tensor = prefixes[name] + parameter;
      if (!file.tensors.has(tensor)) {
        throw new DBNetError(
          'incompatible-weights',
          `expected the tensor '${tensor}' in the state, found none`,
        );
      }
      return file.float32(tensor);
    });
  }
}
