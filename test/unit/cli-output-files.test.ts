/** @file Files that the program writes: whole or not at all, never torn by others, and rows that survive. */

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { OutputError } from '../../cli/failure.ts';
import { withJsonLines } from '../../cli/json-lines.ts';
import { runProgram } from '../../cli/program.ts';
import { openReplacement, removePartials, replaceFile } from '../../cli/replace-file.ts';
import { Interruption } from '../../cli/services.ts';
import { DBNetError } from '../../src/errors.ts';
import { captureStream, type FakeOptions, fakeServices, temporaryFolder } from './cli-fakes.ts';

const isWindows = process.platform === 'win32';

describe('a file that is replaced', () => {
  const setUp = () => {
    const folder = temporaryFolder();
    return { folder, path: join(folder, 'a.bin') };
  };

  test('holds the new content, and nothing else is left', async () => {
    const { folder, path } = setUp();
    await replaceFile(path, Uint8Array.of(1, 2, 3));
    await replaceFile(path, Uint8Array.of(4));
    expect([...readFileSync(path)]).toEqual([4]);
    expect(readdirSync(folder)).toEqual(['a.bin']);
  });

  test('is the old one until it is kept, and stays it when it is not', async () => {
    const { folder, path } = setUp();
    writeFileSync(path, 'old');
    const first = await openReplacement(path);
    await first.write('new ');
    await first.write('content');
    expect(readFileSync(path, 'utf8')).toBe('old');
    await first.discard();
    expect(readFileSync(path, 'utf8')).toBe('old');
    const second = await openReplacement(path);
    await second.write('new');
    await second.keep();
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['a.bin']);
  });

  test('is never torn where two write it: the last to end counts', async () => {
    const { folder, path } = setUp();
    const writers = await Promise.all([openReplacement(path), openReplacement(path)]);
    for (const line of ['one\n', 'two\n']) {
      for (const [i, writer] of writers.entries()) await writer.write(`${i} ${line}`);
    }
    await writers[1].keep();
    await writers[0].keep();
    expect(readFileSync(path, 'utf8')).toBe('0 one\n0 two\n');
    expect(readdirSync(folder)).toEqual(['a.bin']);
  });

  test.skipIf(isWindows)('keeps its permissions, and the link that leads to it', async () => {
    const { folder, path } = setUp();
    writeFileSync(path, 'old');
    chmodSync(path, 0o660);
    symlinkSync('a.bin', join(folder, 'link'));
    await replaceFile(join(folder, 'link'), 'new');
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  test('what cannot be written is said without a stack', async () => {
    const { folder } = setUp();
    mkdirSync(join(folder, 'folder'));
    const refusal = (path: string) => expect(replaceFile(join(folder, path), 'x')).rejects;
    await refusal('no/a.bin').toThrow(/a\.bin cannot be written: its folder does not exist\.$/);
    await refusal('folder').toThrow(/folder cannot be written: it is a folder\.$/);
    await refusal(`${'a'.repeat(300)}`).toThrow(
      /cannot be written: (its name is too long|its folder does not exist)/,
    );
    await refusal('folder').toThrow(OutputError);
  });

  test('only what a killed program left of this very file is removed', async () => {
    const { folder, path } = setUp();
    for (const name of ['.a.bin.partial-01234567', '.b.bin.partial-01234567', 'a.bin', 'a.bin.partial-1']) {
      writeFileSync(join(folder, name), '');
    }
    removePartials(path);
    expect(readdirSync(folder).toSorted()).toEqual(['.b.bin.partial-01234567', 'a.bin', 'a.bin.partial-1']);
  });
});

describe('lines of JSON', () => {
  const setUp = () => {
    const folder = temporaryFolder();
    const path = join(folder, 'rows.json');
    writeFileSync(path, 'old');
    return { folder, path };
  };

  test('replace the old file in the end', async () => {
    const { folder, path } = setUp();
    await withJsonLines(path, captureStream(), async (lines) => {
      await lines.write({ a: 1 });
      expect(readFileSync(path, 'utf8')).toBe('old');
      await lines.write([2]);
    });
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n[2]\n');
    expect(readdirSync(folder)).toEqual(['rows.json']);
  });

  test('survive what ends the work; without a line the old file does', async () => {
    const { folder, path } = setUp();
    const end = (rows: number) =>
      withJsonLines(path, captureStream(), async (lines) => {
        for (let row = 0; row < rows; row++) await lines.write(row);
        throw new Error('the end');
      });
    await expect(end(0)).rejects.toThrow('the end');
    expect(readFileSync(path, 'utf8')).toBe('old');
    await expect(end(2)).rejects.toThrow('the end');
    expect(readFileSync(path, 'utf8')).toBe('0\n1\n');
    expect(readdirSync(folder)).toEqual(['rows.json']);
  });
});

describe('detect', () => {
  let picture: Uint8Array;
  beforeAll(async () => {
    const plain = sharp({ create: { width: 64, height: 32, channels: 3, background: '#777' } });
    picture = await plain.png().toBuffer();
  });

  function setUp(options: Omit<FakeOptions, 'cwd'> = {}) {
    const cwd = temporaryFolder();
    for (const name of ['a.png', 'b.png', 'c.png']) writeFileSync(join(cwd, name), picture);
    writeFileSync(join(cwd, 'rows.json'), 'old');
    const fakes = fakeServices({ cwd, ...options });
    const run = (line: string) => runProgram(`detect ${line} --no-overlay`.split(' '), fakes.services);
    const rows = () => readFileSync(join(cwd, 'rows.json'), 'utf8');
    return { cwd, ...fakes, run, rows };
  }

  test.each([
    ['an interruption', 130, () => new Interruption('Interrupted.', 130)],
    ['a lost device', 1, () => new DBNetError('device-lost', 'The device was lost.')],
  ])('keeps the rows that were done before %s', async (_, status, error) => {
    const { run, rows, controller } = setUp({
      find: (__, call) => {
        if (call < 2) return [];
        const reason = error();
        if (reason instanceof Interruption) controller.abort(reason);
        throw reason;
      },
    });
    expect(await run('a.png b.png c.png --json rows.json')).toBe(status);
    expect(
      rows()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).image),
    ).toEqual(['a.png', 'b.png']);
  });

  test('leaves the old rows where there are no new ones', async () => {
    const { run, rows } = setUp({
      find: () => {
        throw new DBNetError('limit-exceeded', 'The size does not fit.');
      },
    });
    expect(await run('a.png --json rows.json')).toBe(1);
    expect(rows()).toBe('old');
  });

  test.each(['a.png --json -', 'a.png', 'a.png b.png c.png --json -'])(
    'ends with an error where standard output fails: %s',
    async (line) => {
      const { services, stderr, calls } = setUp();
      const stdout = new Writable({
        write: (_, __, done) => done(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })),
      });
      expect(await runProgram(`detect ${line} -q --no-overlay`.split(' '), { ...services, stdout })).toBe(1);
      expect(stderr.text()).toBe(
        'error: standard output cannot be written: no space is left on the device.\n',
      );
      // What nobody will see is not computed.
      expect(calls.detect.length).toBeLessThan(3);
    },
  );
});
