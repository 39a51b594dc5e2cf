/** @file The command `train`: what reaches the trainer, checkpoints, resumed runs, failures. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { Interruption } from '../../cli/services.ts';
import { DBNetError } from '../../src/errors.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import { type FakeOptions, fakeServices, temporaryFolder } from './cli-fakes.ts';
import { type FakeTrainerOptions, fakeTrainer } from './cli-train-fakes.ts';

const pictures = new Map<number, Uint8Array>();
beforeAll(async () => {
  for (let width = 64; width < 70; width++) {
    const picture = sharp({ create: { width, height: 32, channels: 3, background: '#777' } });
    pictures.set(width, await picture.png().toBuffer());
  }
});

type Files = Record<string, string | Uint8Array>;
const TEXT = '2,3,22,3,22,11,2,11,word\n';
const BACKGROUND = '2,3,22,3,22,11,2,11,###\n';

/** Four labelled images, known by their widths. */
const dataSet = (): Files => ({
  'i/a.png': pictures.get(64)!,
  'i/b.png': pictures.get(65)!,
  'i/c.png': pictures.get(66)!,
  'i/d.png': pictures.get(67)!,
  'gt/gt_a.txt': TEXT,
  'gt/gt_b.txt': TEXT,
  'gt/gt_c.txt': TEXT,
  'gt/gt_d.txt': TEXT,
});

/** A picture in which a text of 20 x 8 px becomes 8 x 3 px in a crop of 160. */
const broad = () =>
  sharp({ create: { width: 400, height: 300, channels: 3, background: '#777' } })
    .png()
    .toBuffer();

function folderOf(files: Files): string {
  const cwd = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), content);
  }
  return cwd;
}

/** One start of the program in a folder. */
function setUp(cwd: string, options: FakeTrainerOptions & Partial<FakeOptions> = {}) {
  const { onStep, onSave, onBatch, ...others } = options;
  const trainer = fakeTrainer({ onStep, onSave, onBatch });
  const fakes = fakeServices({ cwd, trainer: trainer.create, ...others });
  const run = (line = '') =>
    runProgram(
      `train --images i --labels gt --init random --out w.safetensors --batch 2 ${line}`
        .split(' ')
        .filter(Boolean),
      fakes.services,
    );
  return { ...fakes, trainer: trainer.calls, run };
}

const weightIn = (cwd: string, name = 'w.safetensors') =>
  parseSafetensors(new Uint8Array(readFileSync(join(cwd, name)))).float32('weight')[0];
const logOf = (cwd: string): { step: number; loss?: number; evaluation?: object }[] =>
  readFileSync(join(cwd, 'w.log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const lost = () => new DBNetError('device-lost', 'the GPU device was lost');

test('weights of any format are what it starts from, by path or address, and are not overwritten', async () => {
  const cwd = folderOf({ ...dataSet(), 'm.pth': 'weights' });
  const { run, trainer } = setUp(cwd);
  expect(await run('--init m.pth --steps 1')).toBe(0);
  expect(await run('--init https://example.org/m.pth --steps 1 --overwrite')).toBe(0);
  expect(trainer.create.map(({ weights }) => weights)).toEqual([
    join(cwd, 'm.pth'),
    'https://example.org/m.pth',
  ]);
  const { run: again, stderr } = setUp(cwd);
  expect(await again('--init m.pth --steps 1 --out m.pth')).toBe(2);
  expect(stderr.text()).toContain('m.pth would be overwritten: it is an input');
});

test('trains, and writes weights, checkpoint, log and plot', async () => {
  const cwd = folderOf(dataSet());
  const { run, trainer, stdout, stderr } = setUp(cwd);
  expect(await run('--steps 4 --crop 64 --seed 3')).toBe(0);
  expect(trainer.create[0]).toMatchObject({
    init: 'random',
    cropSize: 64,
    seed: 3,
    batchNorm: 'batch',
    optimizer: { kind: 'adamw', learningRate: 2e-4, schedule: { kind: 'poly', steps: 4 } },
  });
  expect(trainer.steps.slice(0, 2).flat().toSorted()).toEqual([64, 65, 66, 67]);
  expect(trainer.steps.slice(2).flat().toSorted()).toEqual([64, 65, 66, 67]);
  expect(trainer.disposed).toBe(1);
  expect(readdirSync(cwd).toSorted()).toEqual([
    'gt',
    'i',
    'w.log.jsonl',
    'w.loss.svg',
    'w.safetensors',
    'w.state.safetensors',
  ]);
  expect(logOf(cwd).map(({ step, loss }) => [step, loss])).toEqual([
    [1, 8],
    [2, 4],
    [3, 8 / 3],
    [4, 2],
  ]);
  expect(await sharp(join(cwd, 'w.loss.svg')).metadata()).toMatchObject({ format: 'svg', width: 960 });
  expect(stdout.text()).toBe('4 steps: loss 2.3333, in the beginning 6.0000 (means over 2 steps)\n');
  expect(stderr.text()).toMatch(/^No GPU found. Runs on Adapter One: computes on the CPU/m);
  expect(stderr.text()).toMatch(/^Weights: w\.safetensors\nCheckpoint: w\.state\.safetensors\nLog: /m);
  expect(stderr.text()).toMatch(/^Computed on the CPU with Adapter One in 3\.0 ms per step; a GPU is many/m);
});

test('files only that are asked for; quiet is quiet', async () => {
  const cwd = folderOf(dataSet());
  const { run, stderr } = setUp(cwd);
  expect(await run('--steps 2 --no-plot --log own.jsonl -q')).toBe(0);
  expect(readdirSync(cwd).toSorted()).toEqual([
    'gt',
    'i',
    'own.jsonl',
    'w.safetensors',
    'w.state.safetensors',
  ]);
  expect(stderr.text()).toBe('');
});

describe('a run that was stopped', () => {
  const line = '--steps 7 --seed 1 --checkpoint-every 2';
  /** What the run comes to that was not stopped. */
  const uninterrupted = async () => {
    const cwd = folderOf(dataSet());
    expect(await setUp(cwd).run(line)).toBe(0);
    return { weight: weightIn(cwd), log: logOf(cwd) };
  };
  const expectTheSame = async (cwd: string) =>
    expect({ weight: weightIn(cwd), log: logOf(cwd) }).toEqual(await uninterrupted());

  test('goes on from its last checkpoint as if nothing had been', async () => {
    const cwd = folderOf(dataSet());
    // Nothing more can be written, as if the program had been killed.
    const first = setUp(cwd, {
      onStep(step) {
        if (step === 6) throw lost();
      },
    });
    expect(await first.run(line)).toBe(1);
    expect(first.stderr.text()).toMatch(/^Step 4 of 7 is kept in w\.state\.safetensors: .*--resume/m);
    expect(logOf(cwd).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    expect(existsSync(join(cwd, 'w.safetensors'))).toBe(false);

    const second = setUp(cwd);
    expect(await second.run(`${line} --resume`)).toBe(0);
    expect(second.stderr.text()).toMatch(/^Going on after step 4 of 7: w\.state\.safetensors$/m);
    expect(second.trainer.create[0]).not.toHaveProperty('init');
    expect(second.trainer.steps).toHaveLength(3);
    await expectTheSame(cwd);
  });

  test('by Ctrl-C: finishes its step, keeps it, ends with 130', async () => {
    const cwd = folderOf(dataSet());
    const first = setUp(cwd, {
      onStep(step) {
        if (step === 3) first.controller.abort(new Interruption('Interrupted.', 130));
      },
    });
    expect(await first.run(line)).toBe(130);
    expect(first.trainer.steps).toHaveLength(3);
    expect(first.trainer.disposed).toBe(1);
    expect(first.stderr.text()).toMatch(/^Finishing the step/m);
    expect(first.stderr.text()).toMatch(
      /^Step 3 of 7 is kept in .*--resume goes on from there\.\nInterrupted\.$/m,
    );

    expect(await setUp(cwd).run('--resume')).toBe(0);
    await expectTheSame(cwd);
  });

  test('by an error of its own: what was done is kept', async () => {
    const cwd = folderOf(dataSet());
    const first = setUp(cwd, {
      onStep(step) {
        if (step === 4) throw new DBNetError('gpu-error', 'no memory');
      },
    });
    expect(await first.run(line)).toBe(1);
    expect(first.stderr.text()).toMatch(/^Step 3 of 7 is kept/m);
    expect(await setUp(cwd).run('--resume')).toBe(0);
    await expectTheSame(cwd);
  });

  test('while a checkpoint is written: the one before counts', async () => {
    const cwd = folderOf(dataSet());
    const first = setUp(cwd, {
      onSave(step) {
        if (step === 4) throw lost();
      },
    });
    expect(await first.run(line)).toBe(1);
    expect(first.stderr.text()).toMatch(/^Step 2 of 7 is kept/m);
    expect(await setUp(cwd).run('--resume')).toBe(0);
    await expectTheSame(cwd);
  });

  test('before its first checkpoint begins anew, and so does one that is to be overwritten', async () => {
    const cwd = folderOf(dataSet());
    const first = setUp(cwd, {
      onStep(step) {
        if (step === 2) throw lost();
      },
    });
    expect(await first.run(line)).toBe(1);
    const second = setUp(cwd);
    expect(await second.run(`${line} --resume`)).toBe(0);
    expect(second.stderr.text()).toMatch(/^There is no checkpoint w\.state\.safetensors yet/m);
    await expectTheSame(cwd);

    const third = setUp(cwd, {
      onStep() {
        throw lost();
      },
    });
    expect(await third.run(`--steps 3 --overwrite`)).toBe(1);
    expect(existsSync(join(cwd, 'w.state.safetensors'))).toBe(false);
  });

  test('does not go on from a damaged checkpoint', async () => {
    const cwd = folderOf(dataSet());
    expect(await setUp(cwd).run(line)).toBe(0);
    const path = join(cwd, 'w.state.safetensors');
    const whole = readFileSync(path);
    const log = readFileSync(join(cwd, 'w.log.jsonl'), 'utf8');
    const changes = [
      Buffer.from(whole.toString('latin1').replace('\\"step\\":7', '\\"step\\":5'), 'latin1'),
      Buffer.from(whole.map((byte, i) => (i === whole.length - 1 ? byte ^ 1 : byte))),
    ];
    for (const changed of changes) {
      expect(changed.equals(whole)).toBe(false);
      writeFileSync(path, changed);
      const { run, stderr, trainer } = setUp(cwd);
      expect(await run('--resume')).toBe(1);
      expect(stderr.text()).toMatch(
        /^error: w\.state\.safetensors: expected the state as it was saved .* found it changed or damaged/m,
      );
      expect(trainer.create).toEqual([]);
    }
    expect(readFileSync(join(cwd, 'w.log.jsonl'), 'utf8')).toBe(log);
  });

  test('and is done already writes its weights again', async () => {
    const cwd = folderOf(dataSet());
    expect(await setUp(cwd).run(line)).toBe(0);
    writeFileSync(join(cwd, 'w.safetensors'), 'damaged');
    const again = setUp(cwd);
    expect(await again.run('--resume')).toBe(0);
    expect(again.trainer.steps).toEqual([]);
    await expectTheSame(cwd);
  });

  test('does not go on with other settings or other labels, nor without being told to', async () => {
    const cwd = folderOf(dataSet());
    expect(await setUp(cwd).run(line)).toBe(0);
    const before = readFileSync(join(cwd, 'w.log.jsonl'), 'utf8');
    const fails = async (more: string, message: RegExp) => {
      const { run, stderr, trainer } = setUp(cwd);
      expect(await run(more)).toBe(2);
      expect(stderr.text()).toMatch(message);
      expect(trainer.create).toEqual([]);
      expect(readFileSync(join(cwd, 'w.log.jsonl'), 'utf8')).toBe(before);
    };
    await fails(line, /is the checkpoint of an earlier run: go on with --resume/);
    await fails(
      '--resume --seed 2',
      /--seed: expected 1 as in the checkpoint w\.state\.safetensors, found 2/,
    );
    await fails('--resume --overwrite', /cannot be used with/);
    writeFileSync(join(cwd, 'gt/gt_a.txt'), TEXT + TEXT);
    await fails('--resume', /--images and --labels: expected 4 images, sha256 .* found 4 images, sha256/);
  });
});

test.each([
  ['turned', '', [32, 32], undefined],
  ['stored with --ignore-orientation', '--ignore-orientation', [64, 64], '#102030'],
])('photos are trained and evaluated on as they are %s', async (_, more, widths, background) => {
  const plain = sharp({ create: { width: 64, height: 32, channels: 3, background: '#777' } });
  const photo = await plain.jpeg().withMetadata({ orientation: 6 }).toBuffer();
  const cwd = folderOf({ 'i/a.jpg': photo, 'gt/gt_a.txt': TEXT });
  const { run, trainer, calls } = setUp(cwd);
  const line = `--steps 1 --eval-images i --eval-labels gt ${more}`;
  expect(await run(background ? `${line} --background ${background}` : line)).toBe(0);
  expect(trainer.steps).toEqual([widths]);
  expect(calls.detect.map(({ image }) => image.width)).toEqual(widths);
  const colour = background ? [16, 32, 48] : [255, 255, 255];
  expect(trainer.create[0]).toMatchObject({ background: colour });
  expect(calls.detect[0].options.background).toEqual(colour);
});

describe('evaluation', () => {
  const line = '--steps 4 --eval-images i --eval-labels gt --eval-every 3 --eval-short-side 64';

  test('before, in between and after, of the weights as they are then', async () => {
    const cwd = folderOf(dataSet());
    const { run, calls, stdout, stderr } = setUp(cwd, {
      find: (_, call) => (call < 4 ? [] : undefined!) ?? [],
    });
    expect(await run(line)).toBe(0);
    expect(logOf(cwd).flatMap(({ step, evaluation }) => (evaluation ? [step] : []))).toEqual([0, 3, 4]);
    const weights = calls.create.map(
      ({ weights: bytes }) => parseSafetensors(bytes as Uint8Array).float32('weight')[0],
    );
    expect(weights[0]).toBe(0);
    expect(new Set(weights).size).toBe(3);
    expect(weights[2]).toBe(weightIn(cwd));
    expect(calls.disposed).toBe(3);
    expect(calls.detect).toHaveLength(12);
    expect(calls.detect[0].options).toMatchObject({ size: { shortSide: 64 } });
    expect(stderr.text()).toMatch(/^step 3: F 0\.0000, precision 0\.0000, recall 0\.0000, 4 images$/m);
    expect(stdout.text()).toMatch(/^F before {2}0\.0000 {3}at step 0$/m);
  });

  test('that was interrupted is made up for', async () => {
    const cwd = folderOf(dataSet());
    const first = setUp(cwd, {
      find(_, call) {
        if (call === 5) first.controller.abort(new Interruption('Interrupted.', 130));
        first.services.signal.throwIfAborted();
        return [];
      },
    });
    expect(await first.run(line)).toBe(130);
    expect(first.stderr.text()).toMatch(/^Step 3 of 4 is kept/m);
    expect(await setUp(cwd).run(`${line} --resume`)).toBe(0);
    expect(logOf(cwd).flatMap(({ step, evaluation }) => (evaluation ? [step] : []))).toEqual([0, 3, 4]);
  });

  test('on images that cannot be read ends the run before it has begun', async () => {
    const cwd = folderOf({ ...dataSet(), 'e/bad.png': 'no picture', 'e/gt_bad.txt': TEXT });
    const { run, stderr, trainer } = setUp(cwd);
    expect(await run('--steps 4 --eval-images e --eval-labels e')).toBe(1);
    expect(stderr.text()).toMatch(/^error: bad\.png: expected a whole JPEG/m);
    expect(stderr.text()).toMatch(/^error: expected images to evaluate on/m);
    expect(trainer.steps).toEqual([]);
  });

  test('needs images and labels', async () => {
    const cwd = folderOf(dataSet());
    for (const more of ['--eval-every 2', '--eval-images i', '--eval-labels gt']) {
      const { run, stderr } = setUp(cwd);
      expect(await run(`--steps 1 ${more}`)).toBe(2);
      expect(stderr.text()).toMatch(/needs both --eval-images and --eval-labels/);
    }
    const { run, stderr } = setUp(cwd);
    expect(await run('--steps 1 --eval-images i --eval-labels nowhere')).toBe(2);
    expect(stderr.text()).toMatch(/--eval-labels: nowhere does not exist/);
  });
});

describe('data', () => {
  test('what cannot be used is left out, the rest is trained on, the status tells', async () => {
    const cwd = folderOf({
      ...dataSet(),
      'i/bad.png': 'no picture',
      'i/extra.png': pictures.get(68)!,
      'i/far.png': pictures.get(69)!,
      'gt/gt_bad.txt': TEXT,
      'gt/gt_far.txt': '200,3,220,3,220,11,200,11,word\n',
      'gt/gt_gone.txt': TEXT,
    });
    const { run, stderr, trainer } = setUp(cwd);
    expect(await run('--steps 6')).toBe(1);
    expect(stderr.text()).toMatch(/^error: Labels of 1 of \d+ images: .* found none for gone\.$/m);
    expect(stderr.text().match(/^error: bad\.png: expected a whole JPEG.* It is left out\.$/gm)).toHaveLength(
      1,
    );
    expect(stderr.text()).toMatch(/^error: far\.png: label 1 lies outside of the image of 69 x 32 pixels/m);
    expect(stderr.text()).toMatch(/^Images without labels, left out: 1\.$/m);
    expect(stderr.text()).toMatch(/^3 labelled images could not be used and were left out\.$/m);
    expect(new Set(trainer.steps.flat())).toEqual(new Set([64, 65, 66, 67]));
    expect(trainer.steps.every((widths) => widths.length === 2)).toBe(true);
    expect(existsSync(join(cwd, 'w.safetensors'))).toBe(true);
  });

  test('images without text are background, never alone', async () => {
    const cwd = folderOf({ ...dataSet(), 'gt/gt_a.txt': BACKGROUND, 'gt/gt_b.txt': '', 'gt/gt_c.txt': '' });
    const { run, stderr, trainer } = setUp(cwd);
    expect(await run('--steps 6')).toBe(0);
    expect(stderr.text()).toMatch(/^Images without text, which serve as background: 3\.$/m);
    expect(trainer.steps.every((widths) => widths.includes(67))).toBe(true);
    expect(new Set(trainer.steps.flat()).size).toBe(4);
  });

  test('nothing to learn from is an error before anything is computed', async () => {
    const files = { 'i/a.png': pictures.get(64)!, 'gt/gt_a.txt': BACKGROUND };
    const none = setUp(folderOf(files));
    expect(await none.run('--steps 1')).toBe(1);
    expect(none.stderr.text()).toMatch(/^error: expected images with text to learn from, found 1 images/m);
    expect(none.trainer.create).toEqual([]);

    const damaged = setUp(folderOf({ 'i/a.png': 'no picture', 'gt/gt_a.txt': TEXT }));
    expect(await damaged.run('--steps 1')).toBe(1);
    expect(damaged.stderr.text()).toMatch(/^error: none of the images with text can be used/m);
  });
});

describe('texts that cannot be learnt from', () => {
  /** Two words of 8 px, and three that stay below that in a crop of 96. */
  const mixed = (): Files => ({
    ...dataSet(),
    'gt/gt_b.txt': '2,3,22,3,22,7,2,7,low\n',
    'gt/gt_c.txt': '2,3,22,3,22,8,2,8,low\n2,13,22,13,22,18,2,18,low\n',
  });

  test('all of them are an error before anything is computed', async () => {
    const cwd = folderOf({ ...dataSet(), 'i/broad.png': await broad(), 'gt/gt_broad.txt': TEXT });
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(cwd, `gt/gt_${name}.txt`), BACKGROUND);
    const { run, stderr, trainer } = setUp(cwd);
    expect(await run('--steps 3 --crop 160 --no-augment')).toBe(1);
    expect(stderr.text()).toMatch(
      /^error: none of 1 texts in crops of these images can be learnt from at --crop 160: 1 too small \(below 8 px there\); a larger --crop, or/m,
    );
    expect(trainer.create).toEqual([]);
    expect(existsSync(join(cwd, 'w.log.jsonl'))).toBe(false);
    // Turned, mirrored and cropped crops show some of it large enough.
    expect(await setUp(cwd).run('--steps 3 --crop 160')).toBe(0);
  });

  test('most of them are a warning before the first step, with counts and why', async () => {
    const cwd = folderOf(mixed());
    const { run, stderr } = setUp(cwd);
    expect(await run('--steps 2 --crop 96 --no-augment -q')).toBe(0);
    expect(stderr.text()).toMatch(
      /^warning: of 5 texts in crops of these images, 2 can be learnt from at --crop 96: 3 too small \(below 8 px there\); /,
    );
    const fine = setUp(folderOf(dataSet()));
    expect(await fine.run('--steps 2 --crop 96 --no-augment -q')).toBe(0);
    expect(fine.stderr.text()).toBe('');
  });

  test('in a whole batch: other images take part, and no step is lost', async () => {
    const nothing = () => new DBNetError('nothing-to-learn', 'no pixel is left');
    const run = async (cwd: string, line = '') => {
      const barren = (widths: number[]) => !widths.includes(66);
      const started = setUp(cwd, {
        onBatch(widths) {
          if (barren(widths)) throw nothing();
        },
      });
      expect(await started.run(`--seed 2 ${line}`)).toBe(0);
      return started.trainer.steps;
    };
    const cwd = folderOf(dataSet());
    const steps = await run(cwd, '--steps 6 --checkpoint-every 1');
    expect(steps).toHaveLength(6);
    expect(steps.every((widths) => widths.length === 2 && widths.includes(66))).toBe(true);
    expect(logOf(cwd).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    // The same again.
    expect(await run(folderOf(dataSet()), '--steps 6')).toEqual(steps);

    const none = setUp(folderOf(dataSet()), {
      onBatch() {
        throw nothing();
      },
    });
    expect(await none.run('--steps 6')).toBe(1);
    expect(none.stderr.text()).toMatch(/^error: no pixel is left$/m);
  });
});

test('labels that touch both borders are trained on', async () => {
  const cwd = folderOf({ 'i/a.png': pictures.get(64)!, 'gt/gt_a.txt': '0,10,64,10,64,24,0,24,BANNER\n' });
  expect(await setUp(cwd).run('--steps 1')).toBe(0);
});

test('what the labels of both sets were read as is said, and each may be told', async () => {
  const cwd = folderOf({
    ...dataSet(),
    'e/a.png': pictures.get(64)!,
    'e/gt_a.txt': '2,3,22,3,22,11,2,11,Latin,###\n',
  });
  const first = setUp(cwd);
  expect(await first.run('--steps 1 --eval-images e --eval-labels e')).toBe(0);
  expect(first.stderr.text()).toMatch(/^Labels read as icdar \(.*: 4 words and 0 don't care in 4 images\.$/m);
  expect(first.stderr.text()).toMatch(
    /^Labels of the evaluation read as mlt \(.*: 0 words and 1 don't care in 1 image\.$/m,
  );
  const told = setUp(cwd);
  expect(
    await told.run('--steps 1 --overwrite --eval-images e --eval-labels e --eval-label-format icdar'),
  ).toBe(0);
  expect(told.stderr.text()).toMatch(/^Labels of the evaluation read as icdar .*: 1 word and 0 don't care/m);
});

describe('two runs of the same files', () => {
  const lockOf = (holder: object) => JSON.stringify({ host: hostname(), since: '2020-01-01', ...holder });

  test.each([
    ['one --out', '', '', 'w.state.safetensors'],
    ['one --out, written in two ways', '', '--out w', 'w.state.safetensors'],
    ['one --log', '--log l.jsonl', '--out v.safetensors --log l.jsonl', 'l.jsonl'],
  ])('%s: the second is refused, the first goes on', async (_, first, second, file) => {
    const cwd = folderOf(dataSet());
    let refused: Promise<number> | undefined;
    const other = setUp(cwd);
    const one = setUp(cwd, {
      onStep(step) {
        if (step === 2) refused = other.run(`--steps 1 --overwrite ${second}`);
      },
    });
    expect(await one.run(`--steps 4 --seed 1 ${first}`)).toBe(0);
    expect(await refused).toBe(2);
    expect(other.stderr.text()).toContain(
      `error: ${file} is in use by another training (process ${process.pid} on `,
    );
    expect(other.trainer.create).toEqual([]);
    expect(weightIn(cwd)).toBeGreaterThan(0);
    expect(readdirSync(cwd).filter((name) => /lock|partial/.test(name))).toEqual([]);
  });

  test('what a killed one left is taken over', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    const cwd = folderOf({
      ...dataSet(),
      'w.state.safetensors.lock': lockOf({ pid }),
      'w.log.jsonl.lock': lockOf({ pid: process.pid }),
      '.w.state.safetensors.partial-01234567': 'half',
    });
    expect(await setUp(cwd).run('--steps 1')).toBe(0);
    expect(readdirSync(cwd).filter((name) => /lock|partial/.test(name))).toEqual([]);
  });

  test.each([
    ['of a process that runs', lockOf({ pid: process.ppid }), /\(process \d+ on .*, since 2020-01-01\)/],
    ['of another machine', lockOf({ pid: 1, host: 'elsewhere' }), /\(process 1 on elsewhere/],
    [
      'that cannot be read',
      '{"pi',
      /\(a process that did not say its name\): .* or remove w\.log\.jsonl\.lock if/,
    ],
  ])('a lock %s is respected', async (_, lock, message) => {
    const cwd = folderOf({ ...dataSet(), 'w.log.jsonl.lock': lock });
    const { run, stderr, trainer } = setUp(cwd);
    expect(await run('--steps 1')).toBe(2);
    expect(stderr.text()).toMatch(message);
    expect(trainer.create).toEqual([]);
    expect(readdirSync(cwd).toSorted()).toEqual(['gt', 'i', 'w.log.jsonl.lock']);
    expect(readFileSync(join(cwd, 'w.log.jsonl.lock'), 'utf8')).toBe(lock);
  });
});

test('a run that diverges writes the weights before that, and says so', async () => {
  const cwd = folderOf(dataSet());
  const { run, stdout, stderr } = setUp(cwd, {
    onStep(step) {
      if (step === 3) throw new DBNetError('training-diverged', 'step 3: the loss is NaN');
    },
  });
  expect(await run('--steps 5 --seed 1')).toBe(1);
  expect(stderr.text()).toMatch(/^error: step 3: the loss is NaN$/m);
  expect(stderr.text()).toMatch(/^The weights of step 2 are in w\.safetensors: .*lower --learning-rate/m);
  expect(stdout.text()).toBe('');
  const other = folderOf(dataSet());
  expect(await setUp(other).run('--steps 2 --seed 1')).toBe(0);
  expect(weightIn(cwd)).toBe(weightIn(other));
  expect(existsSync(join(cwd, 'w.loss.svg'))).toBe(true);
});

describe('wrong usage: status 2, nothing computed', () => {
  test.each([
    ['', /--steps is needed/],
    ['--steps 0', /whole number, 1 or more/],
    ['--steps 1 --crop 100', /multiple of 32/],
    ['--steps 1 --crop 32', /multiple of 32, 64 to/],
    ['--steps 1 --batch 0', /whole number, 1 to 1024/],
    ['--steps 1 --learning-rate 0', /more than 0/],
    ['--steps 1 --optimizer adam', /Allowed choices are adamw, sgd/],
    ['--steps 1 --average 1', /from 0 to 0\.9999999/],
    ['--steps 1 --out i/a.png', /would be overwritten: it is an input/],
    ['--steps 1 --out i', /i would be written, but it is no file/],
    ['--steps 1 --images gt/gt_a.txt', /--images expects a folder/],
    ['--steps 1 --labels gt/gt_a.txt', /is one text file/],
  ])('%s', async (line, message) => {
    const cwd = folderOf(dataSet());
    const { run, stderr, trainer } = setUp(cwd);
    expect(await run(line)).toBe(2);
    expect(stderr.text()).toMatch(message);
    expect(trainer.create).toEqual([]);
    expect(readdirSync(cwd)).toHaveLength(2);
  });
});
