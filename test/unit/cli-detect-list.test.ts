/** @file The command `detect --from`: lists of images, their parts, and outputs that go on. */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { Interruption, type Services } from '../../cli/services.ts';
import { DBNetError } from '../../src/errors.ts';
import { type FakeOptions, fakeServices, temporaryFolder } from './cli-fakes.ts';

/** Pictures without files: those called `bad...` cannot be read. `read` holds the names, in the order of reading. */
function fakeCodec(): { codec: Services['codec']; read: string[] } {
  const read: string[] = [];
  const refuse = () => Promise.reject(new Error('was not expected'));
  const codec: Services['codec'] = {
    async decode(path) {
      const name = path.split(/[/\\]/).at(-1)!;
      read.push(name);
      if (name.startsWith('bad')) {
        throw new DBNetError('invalid-image', 'expected a whole picture, found half.');
      }
      return { data: new Uint8Array(64 * 32 * 3), width: 64, height: 32, channels: 3 };
    },
    size: refuse,
    encodeGrey: refuse,
    encodeOverlay: refuse,
  };
  return { codec, read };
}

function setUp(
  list: string,
  { cwd = temporaryFolder(), ...options }: Partial<Omit<FakeOptions, 'codec'>> = {},
) {
  writeFileSync(join(cwd, 'list.txt'), list);
  const { codec, read } = fakeCodec();
  const fakes = fakeServices({ cwd, codec, software: false, ...options });
  const run = (line: string) => runProgram(`detect ${line}`.split(' '), fakes.services);
  const out = (name = 'out.ndjson') => readFileSync(join(cwd, name), 'utf8');
  return { cwd, read, run, out, ...fakes };
}

const rows = (text: string): { image: string; error?: unknown; regions?: unknown[] }[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const namesIn = (text: string) => rows(text).map(({ image }) => image);
const paths = (count: number) => Array.from({ length: count }, (_, i) => `p/${i}.png`);

describe('a list', () => {
  test('a line per image, of a bad one too; the status and one message tell', async () => {
    const { run, out, stderr, stdout, calls } = setUp('a.png\nbad.png\nsub/b.png\n');
    expect(await run('--from list.txt --json out.ndjson')).toBe(1);
    const [first, second, third] = rows(out());
    expect(first).toMatchObject({ image: 'a.png', width: 64, truncated: false, regions: [{ score: 0.9 }] });
    expect(second).toEqual({
      image: 'bad.png',
      error: { code: 'invalid-image', message: 'expected a whole picture, found half.' },
    });
    expect(third.image).toBe('sub/b.png');
    expect(stderr.text()).toMatch(/^error: 1 of 3 images failed, and their lines say why: bad\.png\.$/m);
    expect(stdout.text()).toBe('');
    expect(calls.create).toHaveLength(1);
    expect(calls.disposed).toBe(1);
  });

  test('blank lines, ends of lines as on Windows, spaces in names, a path twice, no end', async () => {
    const { run, out, read } = setUp('\r\n a b.png\r\n  \nc.png\n\n a b.png\nü.png');
    expect(await run('--from list.txt --json out.ndjson')).toBe(0);
    expect(namesIn(out())).toEqual([' a b.png', 'c.png', 'ü.png']);
    expect(read).toHaveLength(3);
  });

  test('from standard input, to standard output', async () => {
    const { run, stdout, cwd } = setUp('', { stdin: 'a.png\nbad.png\n' });
    expect(await run('--from - --json -')).toBe(1);
    expect(namesIn(stdout.text())).toEqual(['a.png', 'bad.png']);
    expect(readdirSync(cwd)).toEqual(['list.txt']);
  });

  test.each([
    ['--from list.txt --json o --shard 0/4', /--shard.*i\/n with i from 1 to n/],
    ['--from list.txt --json o --shard 5/4', /--shard.*i\/n with i from 1 to n/],
    ['--from list.txt --json o --shard 3', /--shard.*such as 3\/16/],
    ['--from list.txt --json o --shard 1/0', /--shard/],
    ['--from list.txt --json o --shard 1.5/2', /--shard/],
    ['--from list.txt', /--from needs --json/],
    ['--from list.txt --json o a.png', /not both; found a\.png/],
    ['--from list.txt --json o --overlay p', /for --overlay and --maps give the images themselves/],
    ['--from list.txt --json o --maps p', /for --overlay and --maps give the images themselves/],
    ['a.png --shard 1/2', /give one with --from/],
    ['--json o', /expected images, or a list of them with --from/],
    ['--from none.txt --json o', /none\.txt does not exist/],
    ['--from . --json o', /--from expects a file .*; \. is a folder/],
    ['--from empty.txt --json o', /expected paths of images, one a line, found none/],
    ['--from latin.txt --json o', /expected paths in UTF-8/],
    ['--from list.txt --json list.txt', /list\.txt would be overwritten: it is an input/],
  ])('wrong usage: %s', async (line, message) => {
    const { run, stderr, calls, cwd } = setUp('a.png\n');
    writeFileSync(join(cwd, 'empty.txt'), '\n \n');
    writeFileSync(join(cwd, 'latin.txt'), Uint8Array.of(0xe9, 0x0a));
    expect(await run(line)).toBe(2);
    expect(stderr.text()).toMatch(message);
    expect(calls.create).toEqual([]);
    expect(existsSync(join(cwd, 'o'))).toBe(false);
  });
});

describe('parts', () => {
  test('are disjoint, as large as can be, and together the list', async () => {
    const { run, out, cwd } = setUp(paths(10).join('\n'));
    for (const index of [1, 2, 3, 4]) {
      expect(await run(`--from list.txt --shard ${index}/4 --json ${index}.ndjson`)).toBe(0);
    }
    const parts = [1, 2, 3, 4].map((index) => namesIn(out(`${index}.ndjson`)));
    expect(parts.map(({ length }) => length)).toEqual([3, 3, 2, 2]);
    expect(parts[1]).toEqual(['p/1.png', 'p/5.png', 'p/9.png']);
    expect(parts.flat().toSorted()).toEqual(paths(10));
    expect(readdirSync(cwd)).toHaveLength(5);
  });

  test('a part without images is an empty output', async () => {
    const { run, out, calls } = setUp('a.png\n');
    expect(await run('--from list.txt --shard 2/2 --json out.ndjson')).toBe(0);
    expect(out()).toBe('');
    expect(calls.create).toEqual([]);
  });
});

describe('an output that is there', () => {
  test('what is done is not done again; what failed is tried again', async () => {
    const first = setUp('a.png\nbad.png\nb.png\n');
    expect(await first.run('--from list.txt --json out.ndjson')).toBe(1);
    const again = setUp('a.png\nbad.png\nb.png\nc.png\n', { cwd: first.cwd });
    expect(await again.run('--from list.txt --json out.ndjson')).toBe(1);
    expect(again.read).toEqual(['bad.png', 'c.png']);
    expect(namesIn(again.out())).toEqual(['a.png', 'b.png', 'bad.png', 'c.png']);
    expect(again.stderr.text()).toMatch(/^Done by an earlier run: 2 of 4 images\.$/m);
    expect(readdirSync(first.cwd)).toEqual(['list.txt', 'out.ndjson']);
  });

  test('with nothing left, neither weights nor a device are opened', async () => {
    const first = setUp('a.png\n');
    await first.run('--from list.txt --json out.ndjson');
    const before = first.out();
    const again = setUp('a.png\n', { cwd: first.cwd });
    expect(await again.run('--from list.txt --json out.ndjson')).toBe(0);
    expect(again.calls.create).toEqual([]);
    expect(again.out()).toBe(before);
  });

  test('cut off at any byte, it goes on to the same lines', async () => {
    const whole = setUp('ä.png\nb.png\nc.png\n');
    await whole.run('--from list.txt --json out.ndjson');
    const bytes = readFileSync(join(whole.cwd, 'out.ndjson'));
    for (let length = 0; length <= bytes.length; length++) {
      writeFileSync(join(whole.cwd, 'cut.ndjson'), bytes.subarray(0, length));
      const again = setUp('ä.png\nb.png\nc.png\n', { cwd: whole.cwd });
      expect(await again.run('--from list.txt --json cut.ndjson')).toBe(0);
      expect(again.out('cut.ndjson')).toBe(whole.out());
      expect(again.read).toHaveLength(3 - bytes.subarray(0, length).filter((byte) => byte === 10).length);
    }
  });

  test.each([
    ['notes', /its line 1 is none that detect writes: it stays/],
    ['{"image":"a.png","regions":[]}\nnotes\n', /its line 2 is none/],
    ['[{"image":"a.png"}]\n', /its line 1 is none/],
    ['{"image":"a.png","f":1}\n', /its line 1 is none/],
    ['\n', /its line 1 is none/],
    [
      '{"image":"other.png","regions":[]}\n',
      /a line of other\.png, which is not among the images of this run/,
    ],
  ])('%j: refused, and stays', async (content, message) => {
    const { run, out, stderr, cwd, calls } = setUp('a.png\n');
    writeFileSync(join(cwd, 'out.ndjson'), content);
    expect(await run('--from list.txt --json out.ndjson')).toBe(2);
    expect(stderr.text()).toMatch(message);
    expect(out()).toBe(content);
    expect(calls.create).toEqual([]);
  });

  test('a folder is none', async () => {
    const { run, cwd } = setUp('a.png\n');
    mkdirSync(join(cwd, 'out.ndjson'));
    expect(await run('--from list.txt --json out.ndjson')).toBe(2);
  });

  test('a line that is there twice is there once', async () => {
    const { run, out, cwd } = setUp('a.png\nb.png\n');
    const line = '{"image":"a.png","regions":[]}\n';
    writeFileSync(join(cwd, 'out.ndjson'), line + line);
    expect(await run('--from list.txt --json out.ndjson')).toBe(0);
    expect(namesIn(out())).toEqual(['a.png', 'b.png']);
  });
});

describe('what ends a run', () => {
  test.each([
    ['an interruption', 130, () => new Interruption('Interrupted.', 130)],
    ['a lost device', 1, () => new DBNetError('device-lost', 'The device was lost.')],
  ])('%s leaves the lines so far, and none of the image that it hit', async (_, status, error) => {
    const first = setUp('a.png\nb.png\nc.png\n', {
      find: (__, call) => {
        if (call < 1) return [];
        const reason = error();
        if (reason instanceof Interruption) first.controller.abort(reason);
        throw reason;
      },
    });
    expect(await first.run('--from list.txt --json out.ndjson')).toBe(status);
    expect(namesIn(first.out())).toEqual(['a.png']);
    const again = setUp('a.png\nb.png\nc.png\n', { cwd: first.cwd });
    expect(await again.run('--from list.txt --json out.ndjson')).toBe(0);
    expect(again.read).toEqual(['b.png', 'c.png']);
  });

  test('a line is in the file before the next image is begun', async () => {
    const seen: number[] = [];
    const { run, out } = setUp('a.png\nb.png\nc.png\n', {
      find: () => {
        seen.push(rows(out()).length);
        return [];
      },
    });
    expect(await run('--from list.txt --json out.ndjson')).toBe(0);
    expect(seen).toEqual([0, 1, 2]);
  });

  test.each(['is written to', 'is replaced'])('a file that %s by something else', async (how) => {
    const { run, out, cwd, stderr } = setUp('a.png\nb.png\nc.png\n', {
      find: (_, call) => {
        const path = join(cwd, 'out.ndjson');
        if (call === 1 && how === 'is written to') writeFileSync(path, 'other\n', { flag: 'a' });
        if (call === 1 && how === 'is replaced') {
          writeFileSync(join(cwd, 'new'), out());
          renameSync(join(cwd, 'new'), path);
        }
        return [];
      },
    });
    expect(await run('--from list.txt --json out.ndjson')).toBe(2);
    expect(stderr.text()).toMatch(/something else writes to this file/);
    expect(out().match(/a\.png|b\.png|c\.png/g)).toEqual(['a.png']);
  });
});

test('100,000 images of which the last ones are left', async () => {
  const all = paths(100_000);
  const { run, cwd, out, read } = setUp(all.join('\n'));
  writeFileSync(
    join(cwd, 'out.ndjson'),
    all
      .slice(0, -2)
      .map((image) => `${JSON.stringify({ image, regions: [] })}\n`)
      .join(''),
  );
  expect(await run('--from list.txt --json out.ndjson')).toBe(0);
  expect(read).toEqual(['99998.png', '99999.png']);
  expect(namesIn(out())).toEqual(all);
});
