/** @file The files that a run writes, named by its weights. */

import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../failure.ts';
import { checkDistinct, checkFolder, displayPath, STDOUT } from '../outputs.ts';
import type { TrainArguments } from './options.ts';

/** Absolute paths. */
export interface TrainingFiles {
  weights: string;
  /** The checkpoint. */
  state: string;
  log: string;
  plot: string | undefined;
}

/**
 * `words.safetensors` has `words.state.safetensors`, `words.log.jsonl` and `words.loss.svg` beside it.
 *
 * @param inputs Files that must not be overwritten.
 * @throws UsageError for a missing folder, and where two of the files, or one and an input, are the same.
 */
export function trainingFiles(
  { out, log, plot }: Pick<TrainArguments, 'out' | 'log' | 'plot'>,
  inputs: readonly string[],
  cwd: string,
): TrainingFiles {
  const weights = fileOf(out, '--out', cwd);
  const stem = weights.replace(/\.safetensors$/i, '');
  const files = {
    weights,
    state: `${stem}.state.safetensors`,
    log: log === undefined ? `${stem}.log.jsonl` : fileOf(log, '--log', cwd),
    plot: plot === false ? undefined : plot === undefined ? `${stem}.loss.svg` : fileOf(plot, '--plot', cwd),
  };
  if (typeof plot === 'string' && !/\.svg$/i.test(plot)) {
    throw new UsageError(`--plot writes .svg; found "${plot}".`);
  }
  const written = [files.weights, files.state, files.log, files.plot].filter((path) => path !== undefined);
  for (const path of written) {
    if (existsSync(path) && !statSync(path).isFile()) {
      throw new UsageError(`${displayPath(path, cwd)} would be written, but it is no file.`);
    }
  }
  checkDistinct(written, inputs, cwd);
  return files;
}

function fileOf(target: string, option: string, cwd: string): string {
  if (target === '' || target === STDOUT || /[/\\]$/.test(target)) {
    throw new UsageError(`${option} expects a file, not "${target}".`);
  }
  const path = resolve(cwd, target);
  checkFolder(path, option);
  return path;
}
