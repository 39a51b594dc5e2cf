/** @file The program `train` in Node: a run that is killed and resumed ends with the weights of one that was not. */

import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildProgram } from '../helpers/program.ts';
import { makePicture } from '../training/pictures.ts';
import { startProgram } from './program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let built: ReturnType<typeof buildProgram>;
let folder: string;

beforeAll(async () => {
  built = buildProgram();
  folder = mkdtempSync(join(tmpdir(), 'dbnet-webgpu-train-'));
  for (const index of [0, 1, 2]) {
    const picture = makePicture('plain', 5, index, { size: 96, words: [1, 1], height: [12, 16] });
    const { data, width, height, polygons } = picture;
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(join(folder, `${index}.png`));
    const lines = polygons.map(({ points, text }) => `${points.flat().map((x) => x.toFixed(3))},${text}\n`);
    writeFileSync(join(folder, `gt_${index}.txt`), lines.join(''));
  }
});

afterAll(() => {
  built.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** One start of the program: four steps of one small crop, a checkpoint after each second one. */
function start(out: string, ...more: string[]): ReturnType<typeof startProgram> {
  const init = join(root, 'weights/db-resnet18.safetensors');
  const options = {
    images: '.',
    labels: '.',
    init,
    steps: 4,
    crop: 64,
    batch: 1,
    'checkpoint-every': 2,
    out,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  return startProgram(process.execPath, [built.program, 'train', ...args, ...more], { cwd: folder });
}

async function runToItsEnd(out: string, ...more: string[]): Promise<void> {
  const { status, stderr } = await start(out, ...more).ended;
  expect(status, stderr).toBe(0);
}

const file = (name: string) => readFileSync(join(folder, name));
const logged = (name: string) =>
  file(name)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { timings: _, ...rest } = JSON.parse(line);
      return rest;
    });

it('a run killed after a checkpoint and resumed gives the weights of one that was not, bit for bit', async () => {
  await runToItsEnd('whole.safetensors');

  const { child, ended } = start('killed.safetensors');
  const watcher = watch(folder, (_, name) => {
    if (name === 'killed.state.safetensors') child.kill('SIGKILL');
  });
  const { signal, stderr } = await ended.finally(() => watcher.close());
  expect(signal, stderr).toBe('SIGKILL');
  expect(existsSync(join(folder, 'killed.safetensors'))).toBe(false);

  await runToItsEnd('killed.safetensors', '--resume');
  expect(file('killed.safetensors').equals(file('whole.safetensors'))).toBe(true);
  expect(logged('killed.log.jsonl')).toEqual(logged('whole.log.jsonl'));
  expect(logged('whole.log.jsonl').map(({ step }) => step)).toEqual([1, 2, 3, 4]);
});
