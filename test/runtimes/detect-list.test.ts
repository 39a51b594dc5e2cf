/** @file The program `detect --from` in Node: parts of a list, one of them killed and resumed, are together the whole. */

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

/** Of the first part; reading them takes a while everywhere, so that a kill hits the run. */
const LARGE = [4, 6, 8];

beforeAll(async () => {
  built = buildProgram();
  folder = mkdtempSync(join(tmpdir(), 'dbnet-webgpu-list-'));
  const names: string[] = [];
  for (let index = 0; index < 10; index++) {
    const picture = makePicture('plain', 5, index, { size: 96, words: [1, 1], height: [12, 16] });
    const { data, width, height } = picture;
    const small = sharp(data, { raw: { width, height, channels: 3 } });
    const side = LARGE.includes(index) ? 2000 : width;
    await small.resize(side, side).toFile(join(folder, `${index}.png`));
    names.push(`${index}.png`);
  }
  writeFileSync(join(folder, 'bad.png'), 'no picture');
  writeFileSync(join(folder, 'list.txt'), `${[...names, 'bad.png'].join('\n')}\n`);
});

afterAll(() => {
  built.remove();
  rmSync(folder, { recursive: true, force: true });
});

function start(out: string, ...more: string[]): ReturnType<typeof startProgram> {
  const weights = join(root, 'weights/db-resnet18.safetensors');
  const args = ['--from', 'list.txt', '--weights', weights, '--size', '96x96', '--json', out, ...more];
  return startProgram(process.execPath, [built.program, 'detect', ...args], { cwd: folder });
}

const linesOf = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);

it('two parts at once, one of them killed and resumed, have the lines of a run of all', async () => {
  const whole = await start('whole.ndjson').ended;
  expect(whole.status, whole.stderr).toBe(1);
  const all = linesOf('whole.ndjson');
  expect(all).toHaveLength(11);
  expect(JSON.parse(all[10])).toMatchObject({ image: 'bad.png', error: { code: 'invalid-image' } });

  const other = start('out-2.ndjson', '--shard', '2/2');
  const { child, ended } = start('out-1.ndjson', '--shard', '1/2');
  const watcher = watch(folder, () => {
    if (existsSync(join(folder, 'out-1.ndjson')) && linesOf('out-1.ndjson').length > 0) child.kill('SIGKILL');
  });
  const killed = await ended.finally(() => watcher.close());
  expect(killed.signal, killed.stderr).toBe('SIGKILL');
  const before = linesOf('out-1.ndjson');
  expect(before.length).toBeGreaterThan(0);
  expect(before.length).toBeLessThan(6);

  const resumed = await start('out-1.ndjson', '--shard', '1/2').ended;
  expect(resumed.status, resumed.stderr).toBe(1);
  expect(resumed.stderr).toContain(`Done by an earlier run: ${before.length} of 6 images.`);
  const { status, stderr } = await other.ended;
  expect(status, stderr).toBe(0);

  expect(linesOf('out-1.ndjson').slice(0, before.length)).toEqual(before);
  const union = [...linesOf('out-1.ndjson'), ...linesOf('out-2.ndjson')];
  expect(union.toSorted()).toEqual(all.toSorted());
});
