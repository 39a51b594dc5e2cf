/** @file The parts of `train` that need no trainer: order of samples, log, where a run begins. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseStart } from '../../cli/train/checkpoint.ts';
import { trainingFiles } from '../../cli/train/files.ts';
import { linesUpTo, TrainingLog } from '../../cli/train/log.ts';
import type { TrainArguments } from '../../cli/train/options.ts';
import { newSettings, resumedSettings, toTrainingSettings } from '../../cli/train/run-settings.ts';
import { SampleOrder } from '../../cli/train/sample-order.ts';
import { Pace, trainingSummary } from '../../cli/train/summary.ts';
import { writeSafetensors } from '../../src/safetensors/write.ts';
import { resolveSettings } from '../../src/train/settings.ts';
import { writeState } from '../../src/train/state-file.ts';
import type { StepResult } from '../../src/train/types.ts';
import { temporaryFolder } from './cli-fakes.ts';

describe('order of samples', () => {
  const all = () => true;
  const batches = async (order: SampleOrder, from: number, to: number, size: number) => {
    const found: (number[] | undefined)[] = [];
    for (let step = from; step < to; step++) found.push(await order.batch(step, size, all, all));
    return found;
  };

  test('each sample once per epoch, epochs in different orders and without a gap', async () => {
    const drawn = (await batches(new SampleOrder(10, 1), 0, 10, 4)).flat();
    const epochs = [0, 1, 2, 3].map((epoch) => drawn.slice(10 * epoch, 10 * epoch + 10));
    for (const epoch of epochs) {
      expect(epoch.toSorted((a, b) => a! - b!)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    expect(new Set(epochs.map(String)).size).toBe(4);
  });

  test('a step draws the same whatever was drawn before; another seed draws otherwise', async () => {
    const whole = await batches(new SampleOrder(7, 3), 0, 12, 3);
    expect(await batches(new SampleOrder(7, 3), 5, 12, 3)).toEqual(whole.slice(5));
    expect(await batches(new SampleOrder(7, 4), 0, 12, 3)).not.toEqual(whole);
  });

  test('more crops per step than samples', async () => {
    const drawn = await new SampleOrder(2, 0).batch(0, 6, all, all);
    expect(drawn!.toSorted()).toEqual([0, 0, 0, 1, 1, 1]);
  });

  test('a sample that does not serve is stood in for, the others keep their steps', async () => {
    const whole = (await batches(new SampleOrder(6, 2), 0, 6, 2)).flat();
    const found: number[] = [];
    for (let step = 0; step < 6; step++) {
      found.push(...(await new SampleOrder(6, 2).batch(step, 2, (sample) => sample !== 4, all))!);
    }
    expect(found).not.toContain(4);
    for (const [i, sample] of whole.entries()) if (sample !== 4) expect(found[i]).toBe(sample);
  });

  test('every batch has text; none is given where no sample that serves has', async () => {
    const hasText = (sample: number) => sample === 3;
    for (let step = 0; step < 8; step++) {
      expect(await new SampleOrder(5, 0).batch(step, 2, all, hasText)).toContain(3);
    }
    expect(await new SampleOrder(5, 0).batch(0, 2, (sample) => sample !== 3, hasText)).toBeUndefined();
  });
});

function stepResult(step: number, loss = 1): StepResult {
  return {
    step,
    loss,
    parts: { probability: 1, binary: 1, threshold: 1 },
    gradientNorm: 1,
    learningRate: 1,
    pixels: { positives: 1, negatives: 3 },
    timings: { batch: 1, device: 1, total: 2 },
  };
}
const evaluation = {
  matched: 1,
  labels: 2,
  detections: 1,
  images: 1,
  failed: 0,
  precision: 1,
  recall: 0.5,
  f: 2 / 3,
};

describe('log', () => {
  const line = (value: object) => `${JSON.stringify(value)}\n`;

  test('lines after the checkpoint go, and what is no line', () => {
    const before = line({ step: 0, evaluation }) + line(stepResult(1)) + line(stepResult(2));
    const text = `${before + line({ step: 2, evaluation }) + line(stepResult(3))}{"step":4,"lo`;
    expect(linesUpTo(text, 2).text).toBe(before + line({ step: 2, evaluation }));
    expect(linesUpTo(text, 2).lines.map(({ step }) => step)).toEqual([0, 1, 2, 2]);
    expect(linesUpTo(text, 9).lines).toHaveLength(5);
    expect(linesUpTo(`${before}[1]\nnull\n{"step":"2","loss":1}\n${line(stepResult(2))}`, 9).text).toBe(
      before,
    );
    expect(linesUpTo('', 3)).toEqual({ text: '', lines: [] });
  });

  test('goes on in the file, and begins anew at step 0', async () => {
    const path = join(temporaryFolder(), 'log.jsonl');
    const write = async (from: number, ...steps: number[]) => {
      const log = await TrainingLog.open(path, from);
      for (const step of steps) log.add(stepResult(step));
      log.flush();
      log.close();
      return log.steps.map(({ step }) => step);
    };
    const inFile = () => linesUpTo(readFileSync(path, 'utf8'), 99).lines.map(({ step }) => step);
    expect(await write(0, 1, 2, 3)).toEqual([1, 2, 3]);
    expect(await write(2, 3, 4)).toEqual([1, 2, 3, 4]);
    expect(inFile()).toEqual([1, 2, 3, 4]);
    expect(await write(0, 1)).toEqual([1]);
    expect(inFile()).toEqual([1]);
  });
});

test.runIf(existsSync('/dev/full'))(
  'a line of the log that cannot be written is an error, and is no line',
  async () => {
    const log = await TrainingLog.open('/dev/full', 0);
    expect(() => log.add(stepResult(1))).toThrow(
      '/dev/full cannot be written: no space is left on the device.',
    );
    expect(log.steps).toEqual([]);
    log.close();
  },
);

const args: TrainArguments = { images: 'i', labels: 'l', out: 'o', steps: 100, augment: true, flip: true };

describe('where a run begins', () => {
  const settings = newSettings({ ...args, init: 'random' }, 'data', '/');
  const state = (note: unknown) =>
    writeState(
      { weight: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } },
      {},
      { step: 7, settings: resolveSettings({}), note },
    );
  const setUp = (bytes?: Uint8Array) => {
    const path = join(temporaryFolder(), 'o.state.safetensors');
    if (bytes) writeFileSync(path, bytes);
    return path;
  };

  test('at the first step without a checkpoint, and with --overwrite', async () => {
    expect(await chooseStart(setUp(), {}, 'S')).toBeUndefined();
    expect(await chooseStart(setUp(), { resume: true }, 'S')).toBeUndefined();
    expect(await chooseStart(setUp(await state(settings)), { overwrite: true }, 'S')).toBeUndefined();
  });

  test('at the checkpoint with --resume', async () => {
    const start = await chooseStart(setUp(await state(settings)), { resume: true }, 'S');
    expect(start).toMatchObject({ step: 7, settings });
  });

  test('nowhere where a checkpoint would be lost', async () => {
    const path = setUp(await state(settings));
    await expect(chooseStart(path, {}, 'S')).rejects.toThrow(
      /^S is the checkpoint of an earlier run: go on with --resume, begin anew with --overwrite/,
    );
    expect(existsSync(path)).toBe(true);
  });

  test('a file that is no checkpoint is named', async () => {
    const start = (bytes: Uint8Array) => expect(chooseStart(setUp(bytes), { resume: true }, 'S')).rejects;
    await start(new Uint8Array(3)).toThrow(expect.objectContaining({ code: 'invalid-safetensors' }));
    await start(new Uint8Array(3)).toThrow(/^S: /);
    await start(await state(undefined)).toThrow(/^S: expected the checkpoint of `dbnet-webgpu train`/);
    const weights = writeSafetensors({ weight: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
    await start(weights).toThrow(/^S: expected the state of a training run/);
  });
});

describe('settings of a run', () => {
  const cwd = '/';

  test('defaults: fine-tuning', () => {
    const settings = newSettings(args, 'data', cwd);
    expect(settings).toMatchObject({ batch: 8, crop: 640, learningRate: 2e-4, batchNorm: 'frozen', seed: 0 });
    expect(settings.init).toMatch(/weights[\\/]db-resnet18\.safetensors$/);
    expect(toTrainingSettings(settings)).toEqual({
      optimizer: { kind: 'adamw', learningRate: 2e-4, schedule: { kind: 'poly', steps: 100 } },
      loss: 'authors',
      batchNorm: 'frozen',
      cropSize: 640,
      seed: 0,
      augment: {},
      background: [255, 255, 255],
    });
  });

  test('defaults that follow from others', () => {
    expect(newSettings({ ...args, init: 'random', optimizer: 'sgd' }, 'data', cwd)).toMatchObject({
      init: 'random',
      batchNorm: 'batch',
      learningRate: 0.007,
    });
    const augment = (given: Partial<TrainArguments>) =>
      toTrainingSettings(newSettings({ ...args, ...given }, 'data', cwd)).augment;
    expect(augment({ flip: false })).toEqual({ flip: 0 });
    expect(augment({ augment: false })).toBe(false);
    const pictures = newSettings({ ...args, ignoreOrientation: true, background: [0, 9, 171] }, 'data', cwd);
    expect(pictures).toMatchObject({ orientation: 'ignored', background: '#0009ab' });
    expect(toTrainingSettings(pictures).background).toEqual([0, 9, 171]);
    expect(() => newSettings({ ...args, steps: undefined }, 'data', cwd)).toThrow(/--steps is needed/);
  });

  const at = { done: 40, shown: 'S' };
  const saved = newSettings({ ...args, batch: 2, clipNorm: 5, flip: false }, 'data', cwd);
  const given = (more: Partial<TrainArguments> = {}) => ({ ...args, ...more });

  test('a resumed run takes what is not given from its checkpoint', () => {
    expect(resumedSettings(saved, at, given({ steps: undefined }), 'data', cwd)).toEqual(saved);
    const same = { batch: 2, clipNorm: 5, flip: false, learningRate: 2e-4, init: saved.init };
    expect(resumedSettings(saved, at, given(same), 'data', cwd)).toEqual(saved);
  });

  test.each<[Partial<TrainArguments>, RegExp]>([
    [{ batch: 3 }, /^--batch: expected 2 as in the checkpoint S, found 3\./],
    [{ crop: 320 }, /^--crop: expected 640/],
    [{ learningRate: 1e-3 }, /^--learning-rate: expected 0\.0002/],
    [{ optimizer: 'sgd' }, /^--optimizer: expected adamw/],
    [{ schedule: 'constant' }, /^--schedule: expected poly/],
    [{ loss: 'paper' }, /^--loss: expected authors/],
    [{ batchNorm: 'batch' }, /^--batch-norm: expected frozen/],
    [{ clipNorm: 1 }, /^--clip-norm: expected 5/],
    [{ average: 0.9 }, /^--average: expected none/],
    [{ seed: 1 }, /^--seed: expected 0/],
    [{ augment: false }, /^--no-augment: expected it left out/],
    [{ ignoreOrientation: true }, /^--ignore-orientation: expected applied as in .* found ignored\./],
    [{ background: [0, 0, 0] }, /^--background: expected #ffffff as in .* found #000000\./],
    [{ init: 'random' }, /^--init: expected .*db-resnet18\.safetensors/],
    [{ steps: 101 }, /^--steps: expected 100/],
  ])('%o differs and is named', (more, message) => {
    expect(() => resumedSettings(saved, at, given(more), 'data', cwd)).toThrow(message);
  });

  test('other labels are another run', () => {
    expect(() => resumedSettings(saved, at, given(), 'other', cwd)).toThrow(
      /^--images and --labels: expected data as in the checkpoint S, found other\./,
    );
  });

  test('with a constant rate there may be more steps, not fewer than were done', () => {
    const constant = { ...saved, schedule: 'constant' as const };
    expect(resumedSettings(constant, at, given({ steps: 500 }), 'data', cwd).steps).toBe(500);
    expect(() => resumedSettings(constant, at, given({ steps: 39 }), 'data', cwd)).toThrow(
      /^--steps: the checkpoint S has 40 steps already, found 39\./,
    );
  });
});

test('files are named by the weights, and never by each other', () => {
  const cwd = temporaryFolder();
  expect(trainingFiles({ out: 'w.v2.safetensors' }, [], cwd)).toEqual({
    weights: join(cwd, 'w.v2.safetensors'),
    state: join(cwd, 'w.v2.state.safetensors'),
    log: join(cwd, 'w.v2.log.jsonl'),
    plot: join(cwd, 'w.v2.loss.svg'),
  });
  expect(trainingFiles({ out: 'w.v2', plot: false, log: 'l' }, [], cwd)).toMatchObject({
    state: join(cwd, 'w.v2.state.safetensors'),
    log: join(cwd, 'l'),
    plot: undefined,
  });
  const clash =
    (given: Parameters<typeof trainingFiles>[0], inputs: string[] = []) =>
    () =>
      trainingFiles(given, inputs, cwd);
  expect(clash({ out: 'w', log: 'w' })).toThrow(/w would be overwritten: it is written twice/);
  expect(clash({ out: 'w' }, ['w'])).toThrow(/w would be overwritten: it is an input/);
  expect(clash({ out: 'no/w' })).toThrow(/--out: the folder .*no does not exist/);
  expect(clash({ out: '.' })).toThrow(/but it is no file/);
  expect(clash({ out: '-' })).toThrow(/--out expects a file/);
  expect(clash({ out: 'w', plot: 'p.png' })).toThrow(/--plot writes \.svg/);
});

test('the pace leaves the compiling step out', () => {
  const pace = new Pace();
  pace.add(9000);
  expect(pace.remark(10)).toBe('');
  pace.add(2000);
  expect(pace.remark(10)).toBe(', 2.00 s per step, less than a minute left');
  expect(pace.remark(300)).toBe(', 2.00 s per step, 10 min left');
  expect(pace.remark(18_000)).toBe(', 2.00 s per step, 10.0 h left');
});

test('the summary compares the end with the beginning', () => {
  const steps = [4, 3, 2, 1].map((loss, i) => stepResult(i + 1, loss));
  const evaluations = [
    { step: 0, evaluation: { ...evaluation, f: 0.25 } },
    { step: 4, evaluation },
  ];
  expect(trainingSummary({ steps, evaluations })).toBe(
    '4 steps: loss 1.5000, in the beginning 3.5000 (means over 2 steps)\n' +
      'precision 1.0000   1 of 1 detections are right\n' +
      'recall    0.5000   1 of 2 labels are found\n' +
      'F         0.6667   ICDAR 2015 protocol, 1 image\n' +
      'F before  0.2500   at step 0',
  );
  expect(trainingSummary({ steps: [stepResult(1, 2)], evaluations: [] })).toBe(
    '1 steps: loss 2.0000, in the beginning 2.0000',
  );
});
