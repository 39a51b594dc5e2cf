/** @file The program as a process: full disks, closed outputs, pipes as inputs, and the weights of the package. */

import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../helpers/program.ts';
import { temporaryFolder } from './cli-fakes.ts';

let built: ReturnType<typeof buildProgram>;
let picture: Uint8Array;
beforeAll(async () => {
  built = buildProgram();
  const plain = sharp({ create: { width: 64, height: 48, channels: 3, background: '#777' } });
  picture = await plain.png().toBuffer();
});
afterAll(() => built.remove());

const LABEL = '10,10,50,10,50,30,10,30';

/** A folder with an image and its labels; `ignored` of them make a line of JSON of about 28 bytes each. */
function folderWith({ ignored = 0 } = {}): string {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'a.png'), picture);
  writeFileSync(join(cwd, 'gt_a.txt'), `${LABEL},word\n${`${LABEL},###\n`.repeat(ignored)}`);
  return cwd;
}

function run(cwd: string, line: string, stdout: 'pipe' | number = 'pipe') {
  const ended = spawnSync(process.execPath, [built.program, ...line.split(' ')], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', stdout, 'pipe'],
  });
  return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

/** Runs the program from a shell, as `$RUN`. */
function shell(cwd: string, script: string) {
  const RUN = `${quoted(process.execPath)} ${quoted(built.program)}`;
  const ended = spawnSync('sh', ['-c', script.replaceAll('$RUN', RUN)], { cwd, encoding: 'utf8' });
  return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

describe.skipIf(process.platform === 'win32')('outputs that cannot be written whole', () => {
  /** No file may be longer than this, in blocks; the first write beyond is cut short, as on a disk that is nearly full. */
  const LIMIT = "trap '' XFSZ; ulimit -f 2; exec";
  const LINE = 'label-maps a.png --labels gt_a.txt --quiet --json';

  test('a file: an error, the old file stays, nothing is left beside it', () => {
    const cwd = folderWith({ ignored: 500 });
    writeFileSync(join(cwd, 'out.json'), 'old');
    const { status, stderr } = shell(cwd, `${LIMIT} $RUN ${LINE} out.json`);
    expect(stderr).toMatch(
      /^error: a\.png: .*out\.json cannot be written: it would be larger than a file may be/m,
    );
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(status).toBe(1);
    expect(readFileSync(join(cwd, 'out.json'), 'utf8')).toBe('old');
    expect(readdirSync(cwd).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('standard output to a file: a write that was cut short is an error', () => {
    const cwd = folderWith({ ignored: 500 });
    const { status, stderr } = shell(cwd, `${LIMIT} $RUN ${LINE} - > out.json`);
    expect(stderr).toMatch(/^error: standard output cannot be written: it would be larger/m);
    expect(status).toBe(1);
  });

  test.runIf(existsSync('/dev/full'))('a full device: JSON, tables, help', () => {
    const cwd = folderWith();
    symlinkSync('/dev/full', join(cwd, 'full'));
    for (const line of [
      `${LINE} - > /dev/full`,
      'label-maps a.png --labels gt_a.txt > /dev/full',
      '--help > /dev/full',
      'label-maps --help > /dev/full',
      '--version > /dev/full',
    ]) {
      const { status, stderr } = shell(cwd, `$RUN ${line}`);
      expect(stderr).toMatch(/^error: standard output cannot be written: no space is left on the device\.$/m);
      expect(status).toBe(1);
    }
    const { status, stderr } = shell(cwd, `$RUN ${LINE} full`);
    expect(stderr).toMatch(/full cannot be written: no space is left on the device/);
    expect(status).toBe(1);
  });

  test('standard output to a file holds what is printed, after what is there', () => {
    const cwd = folderWith({ ignored: 500 });
    const { status, stderr } = shell(cwd, `echo before > out; $RUN ${LINE} - >> out && echo after >> out`);
    expect([status, stderr]).toEqual([0, '']);
    const [before, json, after] = readFileSync(join(cwd, 'out'), 'utf8').split('\n');
    expect([before, JSON.parse(json).polygons, after]).toEqual(['before', 501, 'after']);
  });

  test('a device takes JSON, and stays one; a pipe that nobody reads is an error', () => {
    const cwd = folderWith();
    expect(shell(cwd, `$RUN ${LINE} /dev/null`)).toMatchObject({ status: 0, stderr: '' });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    const { status, stderr } = shell(cwd, `mkfifo p; $RUN ${LINE} p`);
    expect(stderr).toMatch(/p cannot be written: it is a pipe that nobody reads\.$/m);
    expect(status).toBe(1);
    expect(shell(cwd, `cat p > read & $RUN ${LINE} p; wait`).status).toBe(0);
    expect(JSON.parse(readFileSync(join(cwd, 'read'), 'utf8')).polygons).toBe(1);
  });

  test('a reader that has gone: the status of SIGPIPE, no message', async () => {
    const child = spawn(process.execPath, [built.program, ...`${LINE} -`.split(' ')], {
      cwd: folderWith(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    const messages: string[] = [];
    child.stderr.on('data', (chunk) => messages.push(String(chunk)));
    expect(await new Promise((done) => child.on('close', done))).toBe(141);
    expect(messages.join('')).toBe('');
  });
});

describe.skipIf(process.platform === 'win32')('pipes as inputs, which nothing could interrupt', () => {
  test.each([
    ['label-maps p --labels gt_a.txt', /^error: p: expected an image file, found a device or a pipe\.$/m],
    ['label-maps a.png --labels p', /^error: p: expected a file, found a device or a pipe\.$/m],
    ['eval --images . --labels p', /^error: p: expected a file, found a device or a pipe\.$/m],
    [
      'train --images . --labels p --out w --steps 1',
      /^error: p: expected a file, found a device or a pipe\.$/m,
    ],
  ])('%s', (line, message) => {
    const { status, stderr } = shell(folderWith(), `mkfifo p; exec $RUN ${line}`);
    expect(stderr).toMatch(message);
    expect(status).toBe(1);
  });
});

describe('no output is the same file as an input', () => {
  const commands = {
    detect: 'detect a.png --no-overlay --json',
    maps: 'detect a.png --no-overlay --maps',
    overlay: 'detect a.png --overlay',
    eval: 'eval --images . --labels . --json',
    tune: 'tune --json',
    'label-maps': 'label-maps a.png --labels gt_a.txt --json',
    'train --out': 'train --images . --labels . --steps 1 --out',
    'train --log': 'train --images . --labels . --steps 1 --out w --log',
    'train --plot': 'train --images . --labels . --steps 1 --out w --plot',
  };

  /** What an option would take: `--plot` writes SVG only. */
  const extensionFor = (line: string) => (line.endsWith('--plot') ? 'svg' : 'png');

  test.each(Object.entries(commands))('%s: the weights of the package', (_, line) => {
    const weights = join(built.packageFolder, 'weights', 'db-resnet18.safetensors');
    mkdirSync(join(weights, '..'), { recursive: true });
    writeFileSync(weights, 'shipped');
    const cwd = folderWith();
    const link = `symbolic.${extensionFor(line)}`;
    symlinkSync(weights, join(cwd, link));
    const names = [link];
    if (!/--(overlay|plot)$/.test(line)) names.push(weights);
    for (const name of names) {
      const { status, stderr } = run(cwd, `${line} ${name}`);
      expect(stderr).toMatch(/would be overwritten: it holds the weights of the package/);
      expect(status).toBe(2);
    }
    expect(readFileSync(weights, 'utf8')).toBe('shipped');
    expect(readdirSync(cwd).toSorted()).toEqual(['a.png', 'gt_a.txt', link]);
  });

  test.each(Object.entries(commands).filter(([name]) => name !== 'tune'))(
    '%s: images and labels, by other names',
    (name, line) => {
      const cwd = folderWith();
      const inputs = { 'a.png': picture, 'gt_a.txt': readFileSync(join(cwd, 'gt_a.txt')) };
      for (const [i, input] of Object.keys(inputs).entries()) {
        if (i === 1 && /^(detect|maps|overlay)$/.test(name)) continue;
        const [hard, symbolic] = [`hard${i}.${extensionFor(line)}`, `symbolic${i}.${extensionFor(line)}`];
        linkSync(join(cwd, input), join(cwd, hard));
        symlinkSync(input, join(cwd, symbolic));
        for (const link of [hard, symbolic]) {
          const { status, stderr } = run(cwd, `${line} ${link}`);
          expect(stderr).toMatch(/would be overwritten: it is an input/);
          expect(status).toBe(2);
        }
        expect(readFileSync(join(cwd, input))).toEqual(Buffer.from(inputs[input as keyof typeof inputs]));
      }
    },
  );
});
