/** @file The command `detect`: what is printed and written for good and for bad images. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { DBNetError } from '../../src/errors.ts';
import type { SizeRule } from '../../src/input/types.ts';
import { parseSafetensors } from '../../src/safetensors/index.ts';
import { box, type FakeOptions, fakeServices, temporaryFolder } from './cli-fakes.ts';

let pictures: Uint8Array[];
beforeAll(async () => {
  const make = (width: number) =>
    sharp({ create: { width, height: 32, channels: 3, background: '#777' } })
      .png()
      .toBuffer();
  pictures = await Promise.all([make(64), make(65), make(66)]);
});

/** A folder with `a.png`, `b.png` and `sub/a.png`, 64, 65 and 66 pixels wide. */
function setUp(options: Omit<FakeOptions, 'cwd'> = {}) {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'sub'));
  for (const [i, name] of ['a.png', 'b.png', 'sub/a.png'].entries())
    writeFileSync(join(cwd, name), pictures[i]);
  const fakes = fakeServices({ cwd, ...options });
  const written = () =>
    readdirSync(cwd, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('.') && !['a.png', 'b.png', join('sub', 'a.png')].includes(name))
      .sort();
  return { cwd, written, ...fakes, run: (line: string) => runProgram(line.split(' '), fakes.services) };
}

const shortSide = (value: number): SizeRule => ({ rule: 'shortSide', value, multipleOf: 32 });

const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('one image', () => {
  test('prints a table and times, writes an overlay and says so', async () => {
    const { run, stdout, stderr, written, cwd } = setUp({
      find: () => [box(2, 3, 20, 8, 0.875), box(30, 10, 8, 4, 0.5)],
    });
    expect(await run('detect a.png')).toBe(0);
    expect(stdout.text()).toBe(
      [
        'a.png: 2 regions in 64 x 32 pixels, network at 64 x 32, 2.01 s (preprocess 1.0 ms, network 2.00 s, readback 3.0 ms, postprocess 4.0 ms)',
        '#  score  centre x  centre y  width  height  angle',
        '1  0.875      12.0       7.0   20.0     8.0   0.0°',
        '2  0.500      34.0      12.0    8.0     4.0   0.0°',
        '',
      ].join('\n'),
    );
    expect(stderr.text()).toContain('No GPU found. Runs on Adapter One: computes on the CPU');
    expect(stderr.text()).toContain('Overlay: a.regions.png');
    expect(written()).toEqual(['a.regions.png']);
    const { width, height } = await sharp(readFileSync(join(cwd, 'a.regions.png'))).metadata();
    expect([width, height]).toEqual([64, 32]);
  });

  test('polygons, no regions, a GPU, no overlay', async () => {
    const { run, stdout, stderr, written } = setUp({ software: false, find: () => [box(2, 3, 20, 8)] });
    expect(await run('detect a.png --shape polygon --no-overlay')).toBe(0);
    expect(stdout.text()).toMatch(/# {2}score {2}points {2}left {2}top {2}right {2}bottom\n1 {2}0\.900 {7}4/);
    expect(stderr.text()).toContain('Runs on Adapter One.');
    expect(stderr.text()).not.toMatch(/No GPU|Overlay/);
    expect(written()).toEqual([]);

    const bent = setUp({ software: false, replaced: ['a tile gives way to another'] });
    expect(await bent.run('detect a.png --no-overlay')).toBe(0);
    expect(bent.stderr.text()).toContain('warning: a tile gives way to another\n');

    const nothing = setUp({ find: () => [] });
    expect(await nothing.run('detect a.png --no-overlay')).toBe(0);
    expect(nothing.stdout.text()).toMatch(/^a\.png: 0 regions in 64 x 32 pixels.*\n$/);
  });

  test('--json - leaves stdout to the JSON', async () => {
    const { run, stdout } = setUp();
    expect(await run('detect a.png --json -')).toBe(0);
    expect(stdout.text().split('\n')).toHaveLength(2);
    expect(lines(stdout.text())).toEqual([
      {
        image: 'a.png',
        width: 64,
        height: 32,
        network: { width: 64, height: 32 },
        truncated: false,
        runsOn: 'Adapter One',
        warnings: [],
        regions: [
          {
            points: [
              [2, 3],
              [22, 3],
              [22, 11],
              [2, 11],
            ],
            box: { x: 2, y: 3, width: 20, height: 8 },
            score: 0.9,
          },
        ],
      },
    ]);
  });

  test('--quiet says nothing on stderr', async () => {
    const { run, stdout, stderr } = setUp();
    expect(await run('detect a.png --quiet')).toBe(0);
    expect(stderr.text()).toBe('');
    expect(stdout.text()).toMatch(/^a\.png: 1 region in /);
  });

  test('--json and --overlay and --maps to files, of one run of the network', async () => {
    const { run, written, cwd, calls } = setUp();
    const line = 'detect a.png --json out.json --overlay x.webp --maps m.safetensors --size 64x32';
    expect(await run(line)).toBe(0);
    expect(written()).toEqual(['m.safetensors', 'out.json', 'x.webp']);
    expect(lines(readFileSync(join(cwd, 'out.json'), 'utf8'))).toHaveLength(1);
    expect(calls.detect.map(({ options }) => options)).toMatchObject([
      { maps: true, size: { width: 64, height: 32 } },
    ]);
    const file = parseSafetensors(new Uint8Array(readFileSync(join(cwd, 'm.safetensors'))));
    expect([...file.tensors.keys()]).toEqual(['P', 'T', 'B']);
    for (const [name, value] of Object.entries({ P: 0.25, T: 0.5, B: 0.75 })) {
      expect(file.tensors.get(name)).toMatchObject({ dtype: 'F32', shape: [32, 64] });
      expect(file.float32(name)[7]).toBe(value);
    }
  });

  test('--maps of weights that give P alone', async () => {
    const { run, cwd, stderr } = setUp({ hasThresholdHead: false });
    expect(await run('detect a.png --no-overlay --maps m.safetensors')).toBe(0);
    const file = parseSafetensors(new Uint8Array(readFileSync(join(cwd, 'm.safetensors'))));
    expect([...file.tensors]).toMatchObject([['P', { dtype: 'F32', shape: [32, 64] }]]);
    expect(file.metadata).toEqual({ image: 'a.png' });
    expect(stderr.text()).toContain('Maps: m.safetensors');
  });

  test('a padded network: the part that is the image, in the line, the JSON and the maps', async () => {
    const content = { width: 64, height: 21 };
    const { run, cwd, stdout } = setUp({ content });
    expect(await run('detect a.png --no-overlay --json out.json --maps m.safetensors')).toBe(0);
    expect(stdout.text()).toContain('64 x 32 pixels, network at 64 x 32, 64 x 21 of it the image, 2.01 s');
    const [row] = lines(readFileSync(join(cwd, 'out.json'), 'utf8'));
    expect(row.network).toEqual({ width: 64, height: 32, content });
    const file = parseSafetensors(new Uint8Array(readFileSync(join(cwd, 'm.safetensors'))));
    expect(JSON.parse(file.metadata.content)).toEqual(content);
  });

  test('what is transparent goes to the detector as it is, with what it is composed over', async () => {
    const { run, calls, cwd } = setUp();
    const colour = { r: 200, g: 100, b: 50, alpha: 0 };
    const clear = await sharp({ create: { width: 40, height: 32, channels: 4, background: colour } })
      .png()
      .toBuffer();
    writeFileSync(join(cwd, 'clear.png'), clear);
    for (const [more, background, corner] of [
      ['', undefined, [255, 255, 255]],
      [' --background 0a0b0c', [10, 11, 12], [10, 11, 12]],
    ] as const) {
      expect(await run(`detect clear.png --overlay x.png --maps m.safetensors${more}`)).toBe(0);
      const { image, options } = calls.detect.at(-1)!;
      expect([image.channels, ...image.data.subarray(0, 4)]).toEqual([4, 200, 100, 50, 0]);
      expect(options.background).toEqual(background);
      expect([...(await sharp(join(cwd, 'x.png')).ensureAlpha().raw().toBuffer()).subarray(0, 4)]).toEqual([
        ...corner,
        255,
      ]);
    }
    expect(await run('detect clear.png --background white')).toBe(2);
  });

  test('an overlay that cannot be written is an error in a line; the regions are there', async () => {
    const { run, stdout, stderr, cwd } = setUp();
    mkdirSync(join(cwd, 'a.regions.png'));
    expect(await run('detect a.png --json -')).toBe(1);
    expect(lines(stdout.text())).toHaveLength(1);
    expect(stderr.text()).toMatch(/^error: a\.png: .*a\.regions\.png cannot be written: it is a folder\.$/m);
    expect(stderr.text()).not.toMatch(/\n\s+at /);
  });

  test('an overlay into an existing folder', async () => {
    const { run, written } = setUp();
    expect(await run('detect a.png --overlay sub')).toBe(0);
    expect(written()).toEqual([join('sub', 'a.regions.png')]);
  });
});

test('an image that was shrunk too far: a line that quiet does not hide, and a field', async () => {
  const warning = {
    code: 'text-shrunk' as const,
    message: 'shrunk',
    scale: 0.128,
    sufficientLongSide: 14400,
  };
  const { run, stdout, stderr } = setUp({ warnings: [warning] });
  expect(await run('detect a.png --quiet --json -')).toBe(0);
  expect(stderr.text()).toMatch(
    /^warning: a\.png: .* shrunk to 0\.13 of its size, .*--max-long-side 14400.*\n$/,
  );
  expect(lines(stdout.text())[0].warnings).toEqual([warning]);
});

test('an image at whose size the GPU was lost: a line that says what to do', async () => {
  const lostAt = { width: 1312, height: 736 };
  const warning = { code: 'smaller-after-loss' as const, message: '', lostAt };
  const { run, stderr } = setUp({ warnings: [warning] });
  expect(await run('detect a.png --quiet --json -')).toBe(0);
  expect(stderr.text()).toMatch(/^warning: a\.png: .* lost .* 1312 x 736.*--max-long-side\.\n$/);
});

describe('the size on a software adapter', () => {
  const sizeOf = async (line: string, options: Omit<FakeOptions, 'cwd'> = {}) => {
    const { run, calls, stderr } = setUp(options);
    expect(await run(`detect a.png ${line}`.trim())).toBe(0);
    const { size } = calls.detect[0].options;
    return { size, says: stderr.text() };
  };
  const note = /^Without a GPU the short side is scaled to 736; --short-side 1024, .* 1\.9 times as long\.$/m;

  test('is 736 unless told, and one line says so', async () => {
    const { size, says } = await sizeOf('');
    expect(size).toEqual({ shortSide: 736 });
    expect(says).toMatch(note);
    expect((await sizeOf('--max-long-side 640')).size).toEqual({ maxLongSide: 640, shortSide: 736 });
  });

  test.each([
    ['--short-side 1024', { shortSide: 1024 }],
    ['--size 960x736', { width: 960, height: 736 }],
  ])('is what is given: %s', async (line, expected) => {
    const { size, says } = await sizeOf(line);
    expect(size).toEqual(expected);
    expect(says).not.toMatch(note);
  });

  test('follows the rule of the weights', async () => {
    const fitting = (shortSide: number, longSide: number): SizeRule => ({
      rule: 'fit',
      shortSide,
      longSide,
      multipleOf: 32,
    });
    const limiting = (side: 'long' | 'short', value: number): SizeRule => ({
      rule: 'limit',
      ...{ side, value, longest: 4000, multipleOf: 32 },
    });
    const fixed: SizeRule = { rule: 'fixed', width: 2048, height: 1152 };
    const long =
      /^Without a GPU the long side is scaled to 1344 at most; --max-long-side 4000, .* up to 8\.9 times/m;
    const of = (size: SizeRule, line = '') => sizeOf(line, { size });
    expect(await of(fitting(1024, 4068))).toMatchObject({
      size: { shortSide: 736 },
      says: expect.stringMatching(note),
    });
    expect(await of(limiting('short', 736))).toMatchObject({
      size: { maxLongSide: 1344 },
      says: expect.stringMatching(long),
    });
    expect((await of(limiting('short', 736), '--max-long-side 4000')).size).toEqual({ maxLongSide: 4000 });
    expect((await of(limiting('short', 736), '--max-scale 2')).size).toEqual({
      maxScale: 2,
      maxLongSide: 1344,
    });
    expect((await of(limiting('short', 736), '--short-side 1024')).size).toEqual({ shortSide: 1024 });
    for (const rule of [fitting(736, 1333), limiting('long', 960), fixed]) {
      const { size, says } = await of(rule);
      expect(size).toBeUndefined();
      expect(says).not.toMatch(/Without a GPU/);
    }
  });

  test("is the weights' own on a GPU, and where it is no larger", async () => {
    for (const options of [{ software: false }, { size: shortSide(640) }]) {
      const { size, says } = await sizeOf('', options);
      expect(size).toBeUndefined();
      expect(says).not.toMatch(note);
    }
  });
});

describe('several images', () => {
  test('one detector, NDJSON in order, overlays with names of their own', async () => {
    const { run, calls, cwd, written } = setUp();
    expect(await run('detect a.png b.png sub/a.png --json out.ndjson')).toBe(0);
    expect(calls.create).toHaveLength(1);
    expect(calls.disposed).toBe(1);
    const rows = lines(readFileSync(join(cwd, 'out.ndjson'), 'utf8'));
    expect(rows.map(({ image, width }) => [image, width])).toEqual([
      ['a.png', 64],
      ['b.png', 65],
      ['sub/a.png', 66],
    ]);
    expect(written()).toEqual(['a-2.regions.png', 'a.regions.png', 'b.regions.png', 'out.ndjson']);
  });

  test('--overlay and --maps name folders, which are made', async () => {
    const { run, written } = setUp();
    expect(await run('detect a.png b.png --overlay o/p --maps m')).toBe(0);
    expect(written()).toEqual([
      join('m', 'a.maps.safetensors'),
      join('m', 'b.maps.safetensors'),
      join('o', 'p', 'a.regions.png'),
      join('o', 'p', 'b.regions.png'),
    ]);
  });

  test('a folder may be called as a file is, if one says so or if it is there', async () => {
    const { run, written } = setUp();
    for (const line of ['--overlay one.png/', '--overlay one.png']) {
      expect(await run(`detect a.png b.png ${line}`)).toBe(0);
      expect(written()).toEqual([
        'one.png',
        join('one.png', 'a.regions.png'),
        join('one.png', 'b.regions.png'),
      ]);
    }
  });

  test('bad images are reported, the others are done, status 1', async () => {
    const { run, stdout, stderr, cwd, calls } = setUp({
      find: (image) => {
        if (image.width === 65) throw new DBNetError('limit-exceeded', 'The size does not fit.');
        return [];
      },
    });
    writeFileSync(join(cwd, 'text.jpg'), 'hello');
    expect(await run('detect none.jpg text.jpg b.png sub a.png --json - --no-overlay')).toBe(1);
    expect(lines(stdout.text()).map(({ image }) => image)).toEqual(['a.png']);
    const messages = stderr.text();
    expect(messages).toMatch(/^error: none\.jpg: expected an image file, found no such file\.$/m);
    expect(messages).toMatch(/^error: text\.jpg: expected a whole JPEG, PNG or WebP/m);
    expect(messages).toMatch(/^error: b\.png: The size does not fit\.$/m);
    expect(messages).toMatch(/^error: sub: expected an image file, found a folder\.$/m);
    expect(messages).toMatch(/^4 of 5 images failed\.$/m);
    expect(calls.detect).toHaveLength(2);
  });

  test('outputs that would clash are refused before anything is computed', async () => {
    for (const [line, message] of [
      ['detect a.png b.png --overlay b.png', /expects a folder when there are several images/],
      [
        'detect a.png b.png --overlay one.png',
        /--overlay expects a folder when .* one\.png looks like a file\. .*one\.png\/$/m,
      ],
      ['detect a.png b.png --maps m.safetensors', /--maps expects a folder when .*looks like a file/],
      ['detect a.png --json x.png --overlay x.png', /x\.png would be overwritten: it is written twice/],
      ['detect a.png --maps sub/../a.png', /a\.png would be overwritten: it is an input/],
      ['detect a.png --weights w --json w', /w would be overwritten: it is an input/],
      ['detect a.png --json sub', /--json expects a file; .*sub is a folder/],
      ['detect a.png --maps -', /--maps expects a file or a folder, not "-"/],
      ['detect a.png --overlay -', /--overlay expects a file or a folder, not "-"/],
    ] as const) {
      const { run, stderr, calls, written } = setUp();
      expect(await run(line)).toBe(2);
      expect(stderr.text()).toMatch(message);
      expect(calls.create).toEqual([]);
      expect(written()).toEqual([]);
    }
  });

  test('an overlay that cannot be written is a failure of that image', async () => {
    const { run, stderr, cwd } = setUp();
    mkdirSync(join(cwd, 'o', 'a.regions.png'), { recursive: true });
    expect(await run('detect a.png b.png --overlay o')).toBe(1);
    expect(stderr.text()).toMatch(/^error: a\.png: /m);
    expect(existsSync(join(cwd, 'o', 'b.regions.png'))).toBe(true);
  });
});
