/** @file `dbnet-webgpu train`: trains on labelled images, and goes on exactly where a run was stopped. */

import { rmSync } from 'node:fs';
import { DBNetError } from '../src/errors.ts';
import { cropOptions, resolveSettings } from '../src/train/settings.ts';
import { describeError, EXIT, UsageError } from './failure.ts';
import { type EvalSet, filesOf, labelsLine, readEvalSet, warnOfMissing } from './label-files.ts';
import { displayPath } from './outputs.ts';
import { createProgressView, type ProgressView } from './progress.ts';
import { removePartials, replaceFile } from './replace-file.ts';
import type { Services, TrainerLike } from './services.ts';
import { adapterLine } from './session.ts';
import { chooseStart, type RunCheckpoint } from './train/checkpoint.ts';
import { type TrainingFiles, trainingFiles } from './train/files.ts';
import { lockFiles } from './train/lock.ts';
import { TrainingLog } from './train/log.ts';
import type { TrainArguments } from './train/options.ts';
import { drawPlot, TrainingRun } from './train/run.ts';
import { newSettings, type RunSettings, resumedSettings, toTrainingSettings } from './train/run-settings.ts';
import { Samples } from './train/samples.ts';
import { softwareLine, trainingSummary } from './train/summary.ts';

/**
 * Trains, with a checkpoint now and then, and writes the weights.
 *
 * @returns The exit status: 0; 1 if labelled images had to be left out, or if the training diverged (the weights before
 *   that are written then).
 * @throws UsageError, or the error of a failure; the signal's reason, after the step was finished and kept.
 */
export async function runTrain(args: TrainArguments, services: Services): Promise<number> {
  const { cwd } = services;
  const set = readEvalSet(args.images, args, cwd);
  const evaluationSet = readEvaluationSet(args, cwd);
  const files = trainingFiles(args, inputsOf(args.init, [set, evaluationSet]), cwd);
  const release = lockFiles([files.state, files.log], cwd);
  try {
    for (const path of Object.values(files)) if (path !== undefined) removePartials(path);
    return await train(args, set, evaluationSet, files, services);
  } finally {
    release();
  }
}

/** The run, to whose files nobody else writes. */
async function train(
  args: TrainArguments,
  set: EvalSet,
  evaluationSet: EvalSet | undefined,
  files: TrainingFiles,
  services: Services,
): Promise<number> {
  const { codec, cwd, stdout, stderr, now } = services;
  const shown = displayPath(files.state, cwd);
  const start = await chooseStart(files.state, args, shown);
  const view = createProgressView(stderr, now, args.quiet ?? false);
  view.note(labelsLine(set));
  if (evaluationSet) {
    view.note(labelsLine(evaluationSet, 'Labels of the evaluation'));
    warnOfMissing(evaluationSet, view.warn);
  }
  const samples = new Samples(set, codec, view);
  const settings = start
    ? resumedSettings(start.settings, { done: start.step, shown }, args, samples.fingerprint, cwd)
    : newSettings(args, samples.fingerprint, cwd);
  if (start) view.note(`Going on after step ${start.step} of ${settings.steps}: ${shown}`);
  else if (args.resume) view.note(`There is no checkpoint ${shown} yet: beginning with the first step.`);
  const crops = cropOptions(resolveSettings(toTrainingSettings(settings)));
  await samples.survey(crops, settings.orientation, services.signal);

  const trainer = await openTrainer(start, settings, services, view);
  try {
    // Without its log it is no checkpoint of this run, and must not be taken for one.
    if (!start) rmSync(files.state, { force: true });
    const log = await TrainingLog.open(files.log, trainer.steps);
    try {
      const evaluation = evaluationSet && {
        images: evaluationSet.images,
        ignoreOrientation: settings.orientation === 'ignored',
        every: args.evalEvery,
        shortSide: args.evalShortSide,
      };
      const { checkpointEvery } = args;
      const run = new TrainingRun(
        { trainer, settings, samples, log, files, evaluation, checkpointEvery },
        services,
        view,
      );
      const diverged = await untilDiverged(() => run.train(), view);
      await replaceFile(files.weights, await trainer.save());
      if (diverged) {
        await drawPlot(files.plot, log);
        view.warn(
          `The weights of step ${trainer.steps} are in ${displayPath(files.weights, cwd)}: begin a new run with them ` +
            'as --init, another --out, and a lower --learning-rate or with --clip-norm.',
        );
        return EXIT.someFailed;
      }
      stdout.write(`${trainingSummary(log)}\n`);
      noteFiles(files, view, cwd);
      if (trainer.software) view.note(softwareLine(trainer.adapter, log.steps));
      if (samples.leftOut === 0) return EXIT.done;
      view.warn(`${samples.leftOut} labelled images could not be used and were left out.`);
      return EXIT.someFailed;
    } finally {
      log.close();
    }
  } finally {
    trainer.dispose();
  }
}

/** @throws UsageError where an option of the evaluation lacks the others. */
function readEvaluationSet(args: TrainArguments, cwd: string): EvalSet | undefined {
  const { evalImages, evalLabels, evalLabelFormat, evalEvery, evalShortSide } = args;
  if (evalImages !== undefined && evalLabels !== undefined) {
    return readEvalSet(evalImages, { labels: evalLabels, labelFormat: evalLabelFormat }, cwd, '--eval-');
  }
  if (
    [evalImages, evalLabels, evalLabelFormat, evalEvery, evalShortSide].every((value) => value === undefined)
  )
    return undefined;
  throw new UsageError('An evaluation needs both --eval-images and --eval-labels.');
}

/** Files that must not be overwritten. */
function inputsOf(init: string | undefined, sets: (EvalSet | undefined)[]): string[] {
  const files = sets.flatMap((set) => (set ? filesOf(set) : []));
  return init === undefined || init === 'random' ? files : [init, ...files];
}

async function openTrainer(
  start: RunCheckpoint | undefined,
  settings: RunSettings,
  { createTrainer, signal }: Services,
  view: ProgressView,
): Promise<TrainerLike> {
  view.start('loading');
  const common = { onProgress: view.report, signal };
  try {
    const { init } = settings;
    const trainer = await (start
      ? createTrainer({ resume: start.bytes, ...common })
      : createTrainer({
          ...(init === 'random' ? { init } : { weights: init }),
          ...toTrainingSettings(settings),
          ...common,
        }));
    view.note(adapterLine(trainer));
    return trainer;
  } finally {
    view.clear();
  }
}

/** @returns True if the training diverged, which is reported. */
async function untilDiverged(train: () => Promise<void>, view: ProgressView): Promise<boolean> {
  try {
    await train();
    return false;
  } catch (error) {
    if (!(error instanceof DBNetError && error.code === 'training-diverged')) throw error;
    view.warn(`error: ${describeError(error)}`);
    return true;
  }
}

function noteFiles({ weights, state, log, plot }: TrainingFiles, view: ProgressView, cwd: string): void {
  view.note(`Weights: ${displayPath(weights, cwd)}`);
  view.note(`Checkpoint: ${displayPath(state, cwd)}`);
  view.note(`Log: ${displayPath(log, cwd)}`);
  if (plot !== undefined) view.note(`Plot: ${displayPath(plot, cwd)}`);
}
