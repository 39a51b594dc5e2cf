/** @file The program `train` in Node: a run that is killed and resumed ends with the weights of one that was not. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildProgram } from '../helpers/program.ts';
import { makePicture } from '../training/pictures.ts';

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
function start(out: string, ...more: string[]): { child: ChildProcess; ended: Promise<number | null> } {
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
  const { VK_ICD_FILENAMES: _, VK_DRIVER_FILES: __, ...env } = process.env;
  const child = spawn(process.execPath, [built.program, 'train', ...args, ...more], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let messages = '';
  child.stderr.on('data', (chunk) => {
    messages += chunk;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0 || signal === 'SIGKILL') resolve(status);
      else reject(new Error(`the program ended with ${status ?? signal}:\n${messages}`));
    });
  });
  return { child, ended };
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
  expect(await start('whole.safetensors').ended).toBe(0);

  const { child, ended } = start('killed.safetensors');
  const checkpoint = join(folder, 'killed.state.safetensors');
  const watch = setInterval(() => {
    if (existsSync(checkpoint)) child.kill('SIGKILL');
  }, 20);
  expect(await ended.finally(() => clearInterval(watch))).toBeNull();
  expect(existsSync(join(folder, 'killed.safetensors'))).toBe(false);

  expect(await start('killed.safetensors', '--resume').ended).toBe(0);
  expect(file('killed.safetensors').equals(file('whole.safetensors'))).toBe(true);
  expect(logged('killed.log.jsonl')).toEqual(logged('whole.log.jsonl'));
  expect(logged('whole.log.jsonl').map(({ step }) => step)).toEqual([1, 2, 3, 4]);
});
