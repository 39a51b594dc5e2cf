/** @file The run itself: steps, evaluations and checkpoints in their order. */

import { DBNetError } from '../../src/errors.ts';
import type { StepResult, TrainingSample } from '../../src/train/types.ts';
import { evaluateImages, FaultReport, type ImageEvaluation, type Labelled } from '../evaluation.ts';
import { OutputError } from '../failure.ts';
import { drawLossPlot } from '../loss-plot.ts';
import { displayPath } from '../outputs.ts';
import type { ProgressView } from '../progress.ts';
import { replaceFile } from '../replace-file.ts';
import type { Services, TrainerLike } from '../services.ts';
import type { TrainingFiles } from './files.ts';
import type { TrainingLog } from './log.ts';
import { type RunSettings, toRgb } from './run-settings.ts';
import { SampleOrder } from './sample-order.ts';
import type { Samples } from './samples.ts';
import { Pace, rateLine } from './summary.ts';

/** Steps between checkpoints, unless it is said otherwise; and milliseconds, whatever comes first. */
const CHECKPOINT_STEPS = 100;
const CHECKPOINT_TIME = 600_000;

/** What a run consists of. */
export interface RunParts {
  trainer: TrainerLike;
  settings: RunSettings;
  samples: Samples;
  log: TrainingLog;
  files: TrainingFiles;
  evaluation?: Labelled & { every?: number; shortSide?: number };
  checkpointEvery?: number;
}

/** A run from where the trainer stands to its last step. */
export class TrainingRun {
  readonly #parts: RunParts;
  readonly #services: Services;
  readonly #view: ProgressView;
  readonly #order: SampleOrder;
  readonly #pace = new Pace();
  /** Steps that the last checkpoint holds, and when it was written. */
  #kept: { step: number; time: number };

  constructor(parts: RunParts, services: Services, view: ProgressView) {
    this.#parts = parts;
    this.#services = services;
    this.#view = view;
    this.#order = new SampleOrder(parts.samples.count, parts.settings.seed);
    this.#kept = { step: parts.trainer.steps, time: services.now() };
  }

  /**
   * Trains up to the last step. A checkpoint holds all that was done and logged up to its step.
   *
   * @throws the signal's reason after the step at hand, and other failures; what was done is kept if it can be.
   */
  async train(): Promise<void> {
    const { trainer, settings } = this.#parts;
    const { signal, cwd } = this.#services;
    const onAbort = () => {
      this.#view.note(`Finishing the step, then keeping it; a second time leaves at once.`);
    };
    signal.addEventListener('abort', onAbort);
    try {
      await this.#steps();
    } catch (error) {
      const { steps } = trainer;
      if (steps > this.#kept.step && mayKeep(error)) await this.#keep();
      if (steps > 0 && this.#kept.step > 0) {
        const file = displayPath(this.#parts.files.state, cwd);
        this.#view.note(
          `Step ${this.#kept.step} of ${settings.steps} is kept in ${file}: the same command with --resume goes on from there.`,
        );
      }
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#view.clear();
    }
  }

  async #steps(): Promise<void> {
    const { trainer, settings, log } = this.#parts;
    const { signal } = this.#services;
    let next: Promise<TrainingSample[]> | undefined;
    this.#view.start('training');
    for (;;) {
      const step = trainer.steps;
      signal.throwIfAborted();
      if (this.#isEvaluationDue(step)) await this.#evaluate(step);
      const isLast = step >= settings.steps;
      if (step > this.#kept.step && (isLast || this.#isCheckpointDue(step))) await this.#keep();
      if (isLast) return;
      const samples = await (next ?? this.#batch(step));
      // Decoded while the device computes.
      next = step + 1 < settings.steps ? this.#batch(step + 1) : undefined;
      next?.catch(() => {});
      log.add(await this.#stepThatLearns(samples, step));
    }
  }

  #batch(step: number): Promise<TrainingSample[]> {
    return this.#parts.samples.batch(this.#order, step, this.#parts.settings);
  }

  /** Where no crop of a batch shows text that can be learnt from, other images take part, until one does. */
  async #stepThatLearns(first: TrainingSample[], step: number): Promise<StepResult> {
    let samples = first;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#step(samples, step);
      } catch (error) {
        if (!(error instanceof DBNetError && error.code === 'nothing-to-learn')) throw error;
        this.#services.signal.throwIfAborted();
        const { samples: all, settings } = this.#parts;
        const others = await all.otherBatch(this.#order, step, settings, attempt);
        if (others === undefined) throw error;
        samples = others;
      }
    }
  }

  async #step(samples: TrainingSample[], step: number): Promise<StepResult> {
    const { trainer, settings, log } = this.#parts;
    const { steps } = settings;
    const loss = log.steps.at(-1)?.loss;
    const result = await trainer.step(samples, {
      onProgress: ({ stage, done, total }) => {
        const share = stage === 'step' && total > 0 ? done / total : 0;
        const detail =
          stage === 'compile'
            ? `compiling, ${done} of ${total} shaders`
            : `step ${step + 1} of ${steps}${loss === undefined ? '' : `, loss ${loss.toFixed(3)}`}${this.#pace.remark(steps - step - share)}`;
        this.#view.report({ stage, done: step + share, total: steps, detail });
      },
    });
    this.#pace.add(result.timings.total);
    return result;
  }

  #isCheckpointDue(step: number): boolean {
    const { checkpointEvery } = this.#parts;
    if (checkpointEvery !== undefined) return step % checkpointEvery === 0;
    return step % CHECKPOINT_STEPS === 0 || this.#services.now() - this.#kept.time >= CHECKPOINT_TIME;
  }

  #isEvaluationDue(step: number): boolean {
    const { evaluation, settings, log } = this.#parts;
    if (evaluation === undefined || log.evaluations.some((line) => line.step === step)) return false;
    const { every } = evaluation;
    return step === 0 || step === settings.steps || (every !== undefined && step % every === 0);
  }

  async #evaluate(step: number): Promise<void> {
    const { trainer, log, evaluation } = this.#parts;
    const { shortSide } = evaluation!;
    const { signal } = this.#services;
    const detector = await this.#services.createDetector({ weights: await trainer.save(), signal });
    const options = {
      ...(shortSide === undefined ? {} : { size: { shortSide } }),
      background: toRgb(this.#parts.settings.background),
      onProgress: this.#view.report,
      signal,
    };
    const label = (index: number) => `step ${step}: evaluating [${index + 1}/${evaluation!.images.length}]`;
    const faults = new FaultReport();
    const onImage = async (name: string, { faulty }: ImageEvaluation) => faults.add(name, faulty);
    try {
      const rates = await evaluateImages(
        evaluation!,
        detector,
        options,
        this.#services,
        this.#view,
        label,
        onImage,
      );
      if (rates.images === 0) {
        throw new DBNetError(
          'load-failed',
          'expected images to evaluate on (--eval-images), found none that can be used: see the errors above.',
        );
      }
      // The labels stay as they are: once is enough.
      if (log.evaluations.length === 0 && faults.line !== undefined) this.#view.warn(faults.line);
      log.add({ step, evaluation: rates });
      this.#view.note(rateLine({ step, evaluation: rates }));
    } finally {
      detector.dispose();
    }
    this.#view.start('training');
  }

  /** Writes the checkpoint. The log is on the disk before it, so that it never lacks a line. */
  async #keep(): Promise<void> {
    const { trainer, settings, log, files } = this.#parts;
    log.flush();
    const step = trainer.steps;
    await replaceFile(files.state, await trainer.saveState(settings));
    this.#kept = { step, time: this.#services.now() };
    await drawPlot(files.plot, log);
  }
}

/** Whether the trainer still has what it had, and the log what was done. */
function mayKeep(error: unknown): boolean {
  if (error instanceof OutputError) return false;
  if (!(error instanceof DBNetError)) return true;
  return !['device-lost', 'disposed', 'training-diverged'].includes(error.code);
}

/** Draws the losses and evaluations so far, if there are any. */
export async function drawPlot(path: string | undefined, { steps, evaluations }: TrainingLog): Promise<void> {
  if (path === undefined || steps.length === 0) return;
  const curve = (name: string, value: (result: StepResult) => number) => ({
    name,
    points: steps.map((result) => [result.step, value(result)] as const),
  });
  const plot = {
    curves: [
      curve('loss', ({ loss }) => loss),
      curve('P', ({ parts }) => parts.probability),
      curve('B', ({ parts }) => parts.binary),
      curve('T', ({ parts }) => parts.threshold),
    ],
    evaluations: evaluations.map(({ step, evaluation }) => [step, evaluation.f] as const),
  };
  await replaceFile(path, drawLossPlot(plot));
}
