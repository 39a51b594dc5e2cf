/** @file `dbnet-webgpu tune`: options, what is printed, and where it is kept. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import type { TuningReport } from '../../src/detect/types.ts';
import { type FakeOptions, fakeServices, temporaryFolder } from './cli-fakes.ts';

const standard = { tile: { kind: 'direct', pixels: 8, channels: 4 }, ms: 3 } as const;
const report: TuningReport = {
  classes: [
    {
      name: 'f32 3x3 64 > 64, 2^13 px',
      layers: 4,
      tile: { kind: 'workgroup', blockPixels: 64, blockChannels: 64, blockDepth: 16, pixels: 8, channels: 8 },
      ms: 1.5,
      gflops: 1234.5,
      standard,
    },
    {
      name: 'f32 1x1 256 > 64, 2^9 px',
      layers: 1,
      tile: { kind: 'direct', pixels: 4, channels: 8 },
      ms: 2,
      gflops: 99.94,
      standard: undefined,
    },
    {
      name: 'f32 3x3 256 > 256, 2^9 px',
      layers: 3,
      tile: { kind: 'direct', pixels: 8, channels: 8 },
      ms: 4,
      gflops: 100,
      winograd: { size: 4, ms: 1 },
      products: {
        name: 'f32 1x1 256 > 256 (36 planes), 2^5 px',
        tile: standard.tile,
        ms: 0.5,
        gflops: 90,
      },
      standard: { tile: { kind: 'direct', pixels: 8, channels: 8 }, ms: 1.5, winograd: 2 },
    },
  ],
  unmeasured: ['f32 3x3 512 > 64, 2^9 px'],
  rejected: [
    {
      name: 'f32 1x1 256 > 64, 2^9 px',
      tile: standard.tile,
      reason: 'the shader was refused\n   1 | line',
    },
    { name: 'f32 3x3 512 > 64, 2^9 px', tile: standard.tile, winograd: 2, reason: 'its output is wrong' },
  ],
  table: { version: 3, key: 'the key', entries: {} },
  stored: '/cache/table.json',
};

function setUp(options: Omit<FakeOptions, 'cwd'> = {}) {
  const cwd = temporaryFolder();
  const fakes = fakeServices({ cwd, tuning: () => report, ...options });
  const run = (line: string) => runProgram(line.split(' ').filter(Boolean), fakes.services);
  return { cwd, ...fakes, run };
}

test('prints a table, a summary, and where the tiles are kept', async () => {
  const { run, stdout, stderr, calls } = setUp();
  expect(await run('tune')).toBe(0);
  expect(stdout.text()).toBe(
    [
      'class                      tile               layers    ms  GFLOP/s   gain            default',
      'f32 3x3 64 > 64, 2^13 px   64x64x16 8x8            4  1.50     1235  2.00x         direct 8x4',
      'f32 1x1 256 > 64, 2^9 px   direct 4x8              1  2.00     99.9      -              fails',
      'f32 3x3 256 > 256, 2^9 px  F(4,3) direct 8x4       3  1.00      400  1.50x  F(2,3) direct 8x8',
      '3 of 4 classes of layers measured: together 9.0 ms, 1.83 times as fast as by default.',
      '',
    ].join('\n'),
  );
  expect(stderr.text()).toContain('Kept in /cache/table.json');
  expect(stderr.text()).toContain('direct 8x4 was left out: the shader was refused\n');
  expect(stderr.text()).toContain('F(2,3) direct 8x4 was left out: its output is wrong\n');
  expect(calls.disposed).toBe(1);
  const { onProgress, signal, ...rest } = calls.tune[0].options;
  expect([calls.tune[0].size, rest]).toEqual([undefined, { budgetMs: undefined }]);
});

test('options reach the detector', async () => {
  const { run, calls, cwd } = setUp();
  expect(await run('tune --size 640x352 --budget 1.5 --precision f16 --weights w.safetensors -q')).toBe(0);
  expect(calls.create[0]).toMatchObject({ weights: join(cwd, 'w.safetensors'), precision: 'f16' });
  expect(calls.tune[0]).toMatchObject({ size: { width: 640, height: 352 }, options: { budgetMs: 1500 } });
});

describe('JSON', () => {
  test('to a file, beside the table', async () => {
    const { run, stdout, cwd } = setUp();
    expect(await run('tune --json out.json')).toBe(0);
    const written = JSON.parse(readFileSync(join(cwd, 'out.json'), 'utf8'));
    expect(written).toMatchObject({
      software: true,
      precision: 'f32',
      ...JSON.parse(JSON.stringify(report)),
    });
    expect(written.adapter.description).toBe('Adapter One');
    expect(stdout.text()).toContain('64x64x16 8x8');
  });

  test('to standard output, and nothing else goes there', async () => {
    const { run, stdout } = setUp();
    expect(await run('tune --json - --quiet')).toBe(0);
    expect(JSON.parse(stdout.text()).classes).toHaveLength(3);
  });
});

test('a cache that cannot be written is said', async () => {
  const { run, stderr } = setUp({ tuning: () => ({ ...report, stored: undefined }) });
  expect(await run('tune')).toBe(0);
  expect(stderr.text()).toContain('could not be kept');
});

test('nothing measured: status 1', async () => {
  const { run, stderr, stdout } = setUp({ tuning: () => ({ ...report, classes: [] }) });
  expect(await run('tune --budget 0.001')).toBe(1);
  expect(stderr.text()).toContain('--budget');
  expect(stdout.text()).toBe('0 of 1 classes of layers measured.\n');
});

test.each([
  ['tune --budget 0', /--budget.*more than 0/],
  ['tune --budget soon', /--budget.*more than 0/],
  ['tune --precision f64', /Allowed choices are f32, f16, auto/],
  ['tune --size 100x100', /multiple of 32/],
  ['tune --json no/such/file.json', /does not exist/],
  ['tune --weights w.safetensors --json w.safetensors', /would be overwritten/],
  ['detect a.png --tune always', /Allowed choices are off, cached, full/],
])('wrong usage: %s', async (line, text) => {
  const { run, stderr, calls } = setUp();
  expect(await run(line)).toBe(2);
  expect(stderr.text()).toMatch(text);
  expect(calls.create).toEqual([]);
});

test('detect and eval take precision and tune as well', async () => {
  const { run, calls } = setUp();
  await run('detect a.png --no-overlay --precision auto --tune off');
  expect(calls.create[0]).toMatchObject({ precision: 'auto', tune: 'off' });
});
