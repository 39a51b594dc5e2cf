/** @file What decides how a run goes: from the command line, or from the checkpoint that is resumed. */

import { white } from '../../src/input/background.ts';
import type { Rgb } from '../../src/input/types.ts';
import { resolveOptimizer } from '../../src/train/optimizer.ts';
import type { TrainingSettings } from '../../src/train/types.ts';
import { UsageError } from '../failure.ts';
import { weightsSource } from '../options.ts';
import { defaultWeights } from '../package-files.ts';
import type { TrainArguments } from './options.ts';

/** Kept in the checkpoint: with other settings it would be another run. `null`: none. */
export interface RunSettings {
  /** Path of the first weights, or `random`. */
  init: string;
  steps: number;
  batch: number;
  crop: number;
  optimizer: 'sgd' | 'adamw';
  learningRate: number;
  schedule: 'poly' | 'constant';
  loss: 'authors' | 'paper';
  batchNorm: 'frozen' | 'batch';
  clipNorm: number | null;
  average: number | null;
  seed: number;
  augment: boolean;
  flip: boolean;
  /** The EXIF orientation of all images. */
  orientation: 'applied' | 'ignored';
  /** What transparent pixels are composed over, `#rrggbb`. */
  background: string;
  /** Fingerprint of the labelled images. */
  data: string;
}

/**
 * The settings of a new run.
 *
 * @throws UsageError without `--steps`.
 */
export function newSettings(args: TrainArguments, data: string, cwd: string): RunSettings {
  if (args.steps === undefined) throw new UsageError('--steps is needed: how many steps to train.');
  const init = initOf(args.init, cwd) ?? defaultWeights();
  const optimizer = args.optimizer ?? 'adamw';
  return {
    init,
    steps: args.steps,
    batch: args.batch ?? 8,
    crop: args.crop ?? 640,
    optimizer,
    learningRate: args.learningRate ?? resolveOptimizer({ kind: optimizer }).learningRate,
    schedule: args.schedule ?? 'poly',
    loss: args.loss ?? 'authors',
    batchNorm: args.batchNorm ?? (init === 'random' ? 'batch' : 'frozen'),
    clipNorm: args.clipNorm ?? null,
    average: args.average ?? null,
    seed: args.seed ?? 0,
    augment: args.augment,
    flip: args.flip,
    orientation: args.ignoreOrientation ? 'ignored' : 'applied',
    background: toHex(args.background ?? white),
    data,
  };
}

const toHex = (colour: Rgb): string =>
  `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

/** The background in the library's terms. */
export function toRgb(background: string): Rgb {
  const part = (at: number) => Number.parseInt(background.slice(at, at + 2), 16);
  return [part(1), part(3), part(5)];
}

/** Options by setting, for messages. */
const OPTIONS: Record<keyof RunSettings, string> = {
  init: '--init',
  steps: '--steps',
  batch: '--batch',
  crop: '--crop',
  optimizer: '--optimizer',
  learningRate: '--learning-rate',
  schedule: '--schedule',
  loss: '--loss',
  batchNorm: '--batch-norm',
  clipNorm: '--clip-norm',
  average: '--average',
  seed: '--seed',
  augment: '--no-augment',
  flip: '--no-flip',
  orientation: '--ignore-orientation',
  background: '--background',
  data: '--images and --labels',
};

/**
 * The settings of a run that goes on. With a constant learning rate it may have more steps than were planned.
 *
 * @param shown The checkpoint, for messages.
 * @param done Steps done.
 * @throws UsageError for an option that is given and differs.
 */
export function resumedSettings(
  saved: RunSettings,
  { done, shown }: { done: number; shown: string },
  args: TrainArguments,
  data: string,
  cwd: string,
): RunSettings {
  const { steps, batch, crop, optimizer, learningRate, schedule, loss, batchNorm, clipNorm, average, seed } =
    args;
  const given: Partial<RunSettings> = {
    init: initOf(args.init, cwd),
    batch,
    crop,
    optimizer,
    learningRate,
    schedule,
    loss,
    batchNorm,
    clipNorm,
    average,
    seed,
    // Without these options the checkpoint decides.
    augment: args.augment ? undefined : false,
    flip: args.flip ? undefined : false,
    orientation: args.ignoreOrientation ? 'ignored' : undefined,
    background: args.background && toHex(args.background),
    data,
    steps: saved.schedule === 'poly' ? steps : undefined,
  };
  for (const key of Object.keys(OPTIONS) as (keyof RunSettings)[]) {
    if (given[key] === undefined || given[key] === saved[key]) continue;
    throw new UsageError(
      `${OPTIONS[key]}: expected ${inWords(saved[key])} as in the checkpoint ${shown}, found ${inWords(given[key])}. ` +
        'A run goes on with the settings it began with; to train differently, begin a new one with ' +
        `--init ${shown} and another --out.`,
    );
  }
  const planned = steps ?? saved.steps;
  if (planned < done) {
    throw new UsageError(`--steps: the checkpoint ${shown} has ${done} steps already, found ${planned}.`);
  }
  return { ...saved, steps: planned };
}

function inWords(value: RunSettings[keyof RunSettings] | undefined): string {
  if (value === null) return 'none';
  return typeof value === 'boolean' ? (value ? 'it left out' : 'it given') : String(value);
}

function initOf(init: string | undefined, cwd: string): string | undefined {
  return init === undefined || init === 'random' ? init : weightsSource(init, cwd);
}

/** The settings in the trainer's terms. */
export function toTrainingSettings(settings: RunSettings): TrainingSettings {
  const { optimizer, learningRate, schedule, steps, clipNorm, average, loss, batchNorm, crop, seed } =
    settings;
  return {
    optimizer: {
      kind: optimizer,
      learningRate,
      ...(schedule === 'poly' ? { schedule: { kind: 'poly', steps } } : {}),
      ...(clipNorm === null ? {} : { clipNorm }),
      ...(average === null ? {} : { averageDecay: average }),
    },
    loss,
    batchNorm,
    cropSize: crop,
    seed,
    augment: settings.augment ? (settings.flip ? {} : { flip: 0 }) : false,
    background: toRgb(settings.background),
  };
}

/** Whether a value that was read from a checkpoint holds settings. */
export function isRunSettings(value: unknown): value is RunSettings {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(OPTIONS).every((key) => key in value);
}
