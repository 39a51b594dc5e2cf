/** @file Settings and command line of the benchmark. */

import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../bench/options.ts';
import { formSettings } from '../../bench/page/form.ts';
import { defaultSettings, effortOf, matches, parsePrecisions, parseSizes } from '../../bench/settings.ts';

const silent = { out: () => {}, error: () => {} };

describe('the filter', () => {
  it.each([
    ['', true],
    ['conv 3x3', true],
    ['3X3 CONV', true],
    ['conv 1x1', false],
    ['pool, conv 3x3', true],
    ['pool,db-head', false],
  ])("'%s' on a 3x3 convolution: %s", (filter, expected) => {
    expect(matches(filter, 'conv', 'conv 3x3 64>64 80x80 relu')).toBe(expected);
  });
});

describe('sizes', () => {
  it('are pairs of multiples of 32', () => {
    expect(parseSizes('320x320, 1280x736')).toEqual([
      { width: 320, height: 320 },
      { width: 1280, height: 736 },
    ]);
  });

  it.each(['', '320', '320x321', '0x32', '32x32,', '-32x32'])("refuses '%s'", (text) => {
    expect(() => parseSizes(text)).toThrow(/multiples of 32/);
  });
});

it('precisions are f32 and f16, each once', () => {
  expect(parsePrecisions('f16,f32,f16')).toEqual(['f16', 'f32']);
  expect(() => parsePrecisions('f64')).toThrow(/f32, f16/);
});

describe('effort', () => {
  it('is at least 20 samples on a GPU, quick or not', () => {
    for (const quick of [true, false]) {
      expect(effortOf({ ...defaultSettings, quick }, false).samples).toBeGreaterThanOrEqual(20);
    }
  });

  it('is smaller on a software adapter, unless more is asked for', () => {
    const quick = { ...defaultSettings, quick: true };
    expect(effortOf(quick, true).samples).toBeLessThan(20);
    expect(effortOf({ ...quick, samples: 50 }, true).samples).toBe(50);
    expect(effortOf(quick, true).sizes).toEqual([{ width: 128, height: 128 }]);
  });
});

describe('the command line', () => {
  it('has the defaults of the settings', () => {
    expect(parseOptions([], silent)).toMatchObject({ settings: defaultSettings, kernels: [], list: false });
  });

  it('reads every option', () => {
    const args =
      '--quick --filter conv --sizes 32x32 --precision f32,f16 --samples 7 --timer slope --no-cold --kernel a.ts --kernel b.ts --json - --compare old.json --all';
    expect(parseOptions(args.split(' '), silent)).toMatchObject({
      settings: {
        quick: true,
        filter: 'conv',
        sizes: [{ width: 32, height: 32 }],
        precisions: ['f32', 'f16'],
        samples: 7,
        timer: 'slope',
        cold: false,
      },
      kernels: ['a.ts', 'b.ts'],
      json: '-',
      compare: 'old.json',
      all: true,
    });
  });

  it.each(['--sizes 33x32', '--samples 0', '--precision f8', '--timer watch', '--nonsense', 'conv'])(
    'refuses %s',
    (text) => {
      expect(() => parseOptions(text.split(' '), silent)).toThrow();
    },
  );
});

it('the form of the page gives the same settings', () => {
  const form = new FormData();
  for (const [name, value] of Object.entries({
    quick: 'on',
    filter: ' conv ',
    sizes: '64x32',
    precision: 'f16',
    timer: 'slope',
  })) {
    form.set(name, value);
  }
  expect(formSettings(form)).toEqual({
    settings: {
      quick: true,
      filter: 'conv',
      sizes: [{ width: 64, height: 32 }],
      precisions: ['f16'],
      samples: undefined,
      timer: 'slope',
      cold: false,
    },
    kernels: [],
  });
});
