/** @file The checkpoint of a run: the trainer's state with the run's settings in it, one file that is always whole. */

import { existsSync, readFileSync } from 'node:fs';
import { DBNetError } from '../../src/errors.ts';
import { readState } from '../../src/train/state-file.ts';
import { UsageError } from '../failure.ts';
import { isRunSettings, type RunSettings } from './run-settings.ts';

/** A checkpoint as it was read. */
export interface RunCheckpoint {
  bytes: Uint8Array;
  /** Steps done. */
  step: number;
  settings: RunSettings;
}

/**
 * Decides where a run begins: at its checkpoint, or (`undefined`) at the first step.
 *
 * @param shown The path, for messages.
 * @throws UsageError if there is a checkpoint and nothing is said about it; DBNetError for one that cannot be read.
 */
export async function chooseStart(
  path: string,
  { resume = false, overwrite = false }: { resume?: boolean; overwrite?: boolean },
  shown: string,
): Promise<RunCheckpoint | undefined> {
  if (overwrite || !existsSync(path)) return undefined;
  if (!resume) {
    throw new UsageError(
      `${shown} is the checkpoint of an earlier run: go on with --resume, begin anew with --overwrite, or choose ` +
        'another --out.',
    );
  }
  const bytes = new Uint8Array(readFileSync(path));
  try {
    const { step, note } = (await readState(bytes)).state;
    if (isRunSettings(note)) return { bytes, step, settings: note };
  } catch (cause) {
    if (!(cause instanceof DBNetError)) throw cause;
    throw new DBNetError(cause.code, `${shown}: ${cause.message}`, { cause });
  }
  throw new DBNetError(
    'incompatible-weights',
    `${shown}: expected the checkpoint of \`dbnet-webgpu train\`, found a state without the settings of a run: it can ` +
      'serve as --init.',
  );
}
