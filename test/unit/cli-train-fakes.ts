/** @file A stand-in for the trainer, which remembers what it saw, so that `train` runs without a GPU. */

import type { Services, TrainerLike } from '../../cli/services.ts';
import { writeSafetensors } from '../../src/safetensors/write.ts';
import { resolveSettings } from '../../src/train/settings.ts';
import { readState, writeState } from '../../src/train/state-file.ts';
import type { StepResult, TrainingSample } from '../../src/train/types.ts';

type CreateOptions = Parameters<Services['createTrainer']>[0];

/** What the fake trainer was asked. */
export interface TrainerCalls {
  create: CreateOptions[];
  /** Widths of the images of each step, by which the tests know them. */
  steps: number[][];
  disposed: number;
}

export interface FakeTrainerOptions {
  /** Runs within a step, counted from 1; may throw. */
  onStep?: (step: number) => void;
  /** Is given the widths of a step's images before it is one; may throw. */
  onBatch?: (widths: number[]) => void;
  /** Runs before the state is given; may throw. */
  onSave?: (step: number) => void;
}

/** A trainer whose single weight is the sum of the widths it saw, each times its step. */
export function fakeTrainer({
  onStep = () => {},
  onBatch = () => {},
  onSave = () => {},
}: FakeTrainerOptions = {}): {
  calls: TrainerCalls;
  create: Services['createTrainer'];
} {
  const calls: TrainerCalls = { create: [], steps: [], disposed: 0 };
  const create = async (options: CreateOptions): Promise<TrainerLike> => {
    calls.create.push(options);
    options.signal?.throwIfAborted();
    const { resume, weights: _, init: __, input: ___, onProgress, signal: ____, ...settings } = options;
    onProgress?.({ stage: 'weights', done: 1, total: 2 });
    const saved = resume instanceof Uint8Array ? await readState(resume) : undefined;
    let step = saved?.state.step ?? 0;
    let weight = saved?.file.float32('weight')[0] ?? 0;
    const resolved = saved?.state.settings ?? resolveSettings(settings);
    const tensors = () => [['weight', { dtype: 'F32', shape: [1], data: Float32Array.of(weight) }] as const];
    return {
      adapter: { vendor: 'maker', architecture: 'arch', device: '', description: 'Adapter One' },
      software: true,
      get steps() {
        return step;
      },
      async step(samples: readonly TrainingSample[], { onProgress: report } = {}): Promise<StepResult> {
        report?.({ stage: 'step', done: 1, total: 2 });
        const widths = samples.map(({ image }) => (image as { width: number }).width);
        onBatch(widths);
        onStep(step + 1);
        step += 1;
        for (const width of widths) weight += step * width;
        calls.steps.push(widths);
        return {
          step,
          loss: 8 / step,
          parts: { probability: 1, binary: 1, threshold: 0.1 },
          gradientNorm: 1,
          learningRate: 1e-3,
          pixels: { positives: 1, negatives: 3 },
          timings: { batch: 1, device: 2, total: 3 },
        };
      },
      save: async () => writeSafetensors(Object.fromEntries(tensors())),
      async saveState(note) {
        onSave(step);
        return writeState(tensors(), {}, { step, settings: resolved, note });
      },
      dispose() {
        calls.disposed += 1;
      },
    };
  };
  return { calls, create };
}
