/**
 * @file What is saved: the weights as a file that the detector loads, or the whole state of a run. A state is such a
 * file too, with more tensors in it and a checksum over all of it, so that it can be tried as it is, and so that no run
 * goes on from a damaged one.
 */

import { describe } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { parseSafetensors, type Safetensors } from '../safetensors/parse.ts';
import { writeSafetensors } from '../safetensors/write.ts';
import { checksumKey, hasValidChecksum, withChecksum } from './checksum.ts';
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
  return writeSafetensors([...named(parameters), ...named(await arrays.read('running'))], metadata);
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
  return writeState(tensors, metadata, state);
}

/** The bytes of a state that holds these tensors. */
export function writeState(
  tensors: Parameters<typeof writeSafetensors>[0],
  metadata: Readonly<Record<string, string>>,
  state: RunState,
): Promise<Uint8Array> {
  return withChecksum((checksum) =>
    writeSafetensors(tensors, { ...metadata, [stateKey]: JSON.stringify(state), ...checksum }),
  );
}

/**
 * Reads a state. One without a checksum, as earlier versions wrote, is refused: what a run goes on from is known to
 * be what was saved, or the run is another one. It can still serve as weights.
 *
 * @throws DBNetError `invalid-safetensors`; `incompatible-weights` for a file that is no state, that is not as it was
 *   saved, or that holds what no run can have saved.
 */
export async function readState(bytes: Uint8Array): Promise<{ file: Safetensors; state: RunState }> {
  const file = parseSafetensors(bytes);
  const text = file.metadata[stateKey];
  if (text === undefined) throw noState('a file without it');
  const checksum = file.metadata[checksumKey];
  if (checksum === undefined) {
    throw new DBNetError(
      'incompatible-weights',
      `expected a checksum in the state (metadata '${checksumKey}'), found none, as in those of earlier versions: ` +
        'begin a new run with it as weights',
    );
  }
  if (!(await hasValidChecksum(bytes, checksum))) {
    throw new DBNetError(
      'incompatible-weights',
      `expected the state as it was saved (SHA-256 in the metadata '${checksumKey}'), found it changed or damaged: ` +
        'use a copy of it, or begin anew',
    );
  }
  const state = parseState(text);
  checkArrays(file);
  return { file, state };
}

function noState(found: string): DBNetError {
  return new DBNetError(
    'incompatible-weights',
    `expected the state of a training run (metadata '${stateKey}'), found ${found}: pass weights as \`weights\``,
  );
}

function parseState(text: string): RunState {
  try {
    const state: unknown = JSON.parse(text);
    if (isState(state)) return state;
  } catch {
    // Reported below.
  }
  throw noState(describe(text));
}

function isState(value: unknown): value is RunState {
  if (typeof value !== 'object' || value === null) return false;
  const { step, settings } = value as Partial<RunState>;
  return Number.isSafeInteger(step) && step! >= 0 && typeof settings === 'object' && settings !== null;
}

/** What every step keeps true of the arrays: all numbers are finite, and means of squares are not negative. */
function checkArrays(file: Safetensors): void {
  for (const name of file.tensors.keys()) {
    const prefix = Object.values(prefixes).find((start) => name.startsWith(start));
    if (prefix === undefined) continue;
    const least = prefix === prefixes.secondMoments ? 0 : -Number.MAX_VALUE;
    const values = file.float32(name);
    let at = 0;
    // Tens of millions of numbers: no call for each.
    while (values[at] >= least && values[at] < Number.POSITIVE_INFINITY) at++;
    if (at === values.length) continue;
    throw new DBNetError(
      'incompatible-weights',
      `tensor '${name}': expected finite numbers${least === 0 ? ' from 0' : ''}, found ${values[at]}: ` +
        'no run goes on from such a state; begin anew',
    );
  }
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
