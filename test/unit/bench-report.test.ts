/** @file Reports of the benchmark: files, tables, comparison, the plot. */

import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';
import { browserName } from '../../bench/host/browser-name.ts';
import { rooflinePlot } from '../../bench/page/roofline-plot.ts';
import { logScale } from '../../bench/page/svg.ts';
import { baselineName } from '../../bench/report/baseline-name.ts';
import { compareReports, formatComparison } from '../../bench/report/compare.ts';
import { readReport } from '../../bench/report/read-report.ts';
import { errorsOf, type KernelRow, type Report } from '../../bench/report/report.ts';
import { formatReport } from '../../bench/report/table.ts';
import { number } from '../../bench/report/text.ts';
import { ratesOf } from '../../src/tuning/roofline.ts';

const kernelRow: KernelRow = {
  case: 'conv 3x3 64>64 80x80 +class8 +class4 +class2 bias relu',
  group: 'conv',
  size: '640x640',
  precision: 'f32',
  layers: ['a', 'b'],
  variant: '64x64x16 8x8',
  isDefault: true,
  isBest: true,
  showAlways: false,
  mode: 'hot',
  flops: 4e9,
  bytes: 2e7,
  ms: { median: 2, p10: 1.9, p90: 2.2, samples: 20 },
  repetitions: 8,
  gflops: 2000,
  gbs: 10,
  roofline: 0.5,
  bound: 'compute',
  error: null,
};

function sampleReport(): Report {
  return {
    format: 'dbnet-webgpu-bench',
    schemaVersion: 1,
    date: '2026-01-01T00:00:00.000Z',
    environment: {
      library: '1.0.0',
      runtime: 'node',
      runtimeVersion: '20.0.0',
      webgpu: null,
      userAgent: null,
      os: 'linux x64',
      cpu: null,
      threads: 8,
      flags: [],
      adapter: { vendor: 'v', architecture: 'a', device: '', description: 'A <GPU> & "more"' },
      isFallbackAdapter: false,
      software: false,
      features: [],
      f16: true,
      timer: { method: 'timestamp', quantumNs: 32, fenceFloorMs: 0.1 },
    },
    settings: { quick: false, filter: '', sizes: ['640x640'], precisions: ['f32'], samples: 20 },
    roofline: { f32GFlops: 4000, f16GFlops: 8000, copyGBs: 500 },
    kernels: [kernelRow],
    layers: [
      {
        size: '640x640',
        precision: 'f32',
        index: 0,
        layer: 'a layer with a name that goes on and on and on until it no longer fits',
        method: 'frame',
        ms: { median: 2, p10: 1, p90: 3, samples: 20 },
        flops: 1e9,
        bytes: 1e6,
        gflops: 500,
        gbs: 0.5,
        roofline: 0.125,
        bound: 'compute',
      },
    ],
    metrics: [
      {
        name: 'detect latency',
        size: '640x640',
        precision: 'f32',
        unit: 'ms',
        value: { median: 9, p10: 8, p90: 10, samples: 20 },
        better: 'lower',
        note: null,
        error: null,
      },
    ],
  };
}

describe('a report from a file', () => {
  it('is taken as it was written, the baselines too', () => {
    expect(readReport(JSON.stringify(sampleReport()), 'a.json')).toEqual(sampleReport());
    const folder = new URL('../../bench/baselines/', import.meta.url);
    const files = readdirSync(folder).filter((file) => !file.startsWith('peers-'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const report = readReport(readFileSync(new URL(file, folder), 'utf8'), file);
      expect(compareReports(report, report).rows.length).toBeGreaterThan(20);
    }
  });

  it('gives errors that tell another format from another version', () => {
    expect(() => readReport('{', 'a.json')).toThrow(/a.json is not JSON/);
    expect(() => readReport('{}', 'a.json')).toThrow(/no report of this benchmark/);
    const { kernels, ...partial } = sampleReport();
    expect(() => readReport(JSON.stringify(partial), 'a.json')).toThrow(/no report of this benchmark/);
    expect(kernels.length).toBe(1);
    const newer = JSON.stringify({ ...sampleReport(), schemaVersion: 9 });
    expect(() => readReport(newer, 'a.json')).toThrow(/version 9/);
  });
});

describe('the table', () => {
  it('fits into 100 columns and shows every part', () => {
    const text = formatReport(sampleReport(), { allRows: false });
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    for (const part of ['64x64x16 8x8', 'Time per layer, 640x640 f32', 'detect latency', '50 %', '>*']) {
      expect(text).toContain(part);
    }
  });

  it('shows wrong variants even where only the best are shown', () => {
    const wrong = {
      ...kernelRow,
      isBest: false,
      isDefault: false,
      ms: null,
      variant: 'fast',
      error: 'wrong result: x',
    };
    const report = { ...sampleReport(), kernels: [kernelRow, wrong] };
    expect(formatReport(report, { allRows: false })).toContain('! wrong result: x');
    expect(errorsOf(report)).toEqual([`${kernelRow.case}, fast: wrong result: x`]);
  });

  it.each([
    [0, '0'],
    [12345.6, '12346'],
    [12.3456, '12.35'],
    [0.00123456, '0.001235'],
    [null, '-'],
  ])('writes %s as %s', (value, text) => {
    expect(number(value)).toBe(text);
  });
});

describe('the roofline', () => {
  const roofs = { f32GFlops: 1000, f16GFlops: 2000, copyGBs: 100 };

  it('takes the nearer roof', () => {
    // 1 GFLOP in 2 ms: half of the peak; 1 MB is far from the bandwidth.
    expect(ratesOf({ flops: 1e9, bytes: 1e6 }, 2, 'f32', roofs)).toMatchObject({
      roofline: 0.5,
      bound: 'compute',
    });
    expect(ratesOf({ flops: 1e9, bytes: 1e6 }, 2, 'f16', roofs)).toMatchObject({ roofline: 0.25 });
    expect(ratesOf({ flops: 0, bytes: 1e8 }, 2, 'f32', roofs)).toMatchObject({
      roofline: 0.5,
      bound: 'memory',
    });
  });

  it('says nothing where nothing was measured', () => {
    const unknown = { f32GFlops: null, f16GFlops: null, copyGBs: null };
    expect(ratesOf({ flops: 1, bytes: 1 }, 1, 'f32', unknown).roofline).toBeNull();
  });
});

describe('comparison', () => {
  const faster = (report: Report, factor: number): Report => ({
    ...report,
    kernels: report.kernels.map((row) => ({
      ...row,
      ms: {
        ...row.ms!,
        median: row.ms!.median / factor,
        p10: row.ms!.p10 / factor,
        p90: row.ms!.p90 / factor,
      },
    })),
  });

  it('is above 1 where the new report is better', () => {
    const { rows, warnings, unmatched } = compareReports(sampleReport(), faster(sampleReport(), 2));
    expect(rows.find(({ name }) => name.includes('64x64x16'))).toMatchObject({ ratio: 2, overlaps: false });
    expect(rows.find(({ name }) => name.startsWith('detect'))).toMatchObject({ ratio: 1, overlaps: true });
    expect([warnings, unmatched]).toEqual([[], 0]);
  });

  it('follows the best and the default when they become other variants', () => {
    const after = faster(sampleReport(), 4);
    after.kernels[0].variant = 'direct 8x4';
    const { rows } = compareReports(sampleReport(), after);
    expect(rows.find(({ name }) => name.includes(', best,'))?.ratio).toBe(4);
  });

  it('counts higher rates as better', () => {
    const rate = (value: number): Report => {
      const report = sampleReport();
      report.metrics = [
        {
          ...report.metrics[0],
          unit: 'frames/s',
          better: 'higher',
          value: { median: value, p10: value, p90: value, samples: 1 },
        },
      ];
      return report;
    };
    const { rows } = compareReports(rate(10), rate(30));
    expect(rows.find(({ unit }) => unit === 'frames/s')?.ratio).toBe(3);
  });

  it('warns of another device and refuses to mix a GPU with a software adapter', () => {
    const other = sampleReport();
    other.environment.adapter = { ...other.environment.adapter, description: 'Another' };
    expect(compareReports(sampleReport(), other).warnings).toEqual([
      `another adapter: 'A <GPU> & "more"' before, 'Another' now`,
    ]);
    other.environment.software = true;
    expect(() => compareReports(sampleReport(), other)).toThrow(/software adapter/);
  });

  it('fits into 100 columns', () => {
    const text = formatComparison(compareReports(sampleReport(), faster(sampleReport(), 3)));
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(text).toContain('3.00x');
  });
});

describe('the plot', () => {
  it('has a point per kernel, with escaped names', () => {
    const plot = rooflinePlot(sampleReport());
    expect(plot.match(/<circle/g)).toHaveLength(1);
    expect(plot).toContain('64&gt;64');
    expect(plot).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('is left out where there is nothing to plot', () => {
    expect(rooflinePlot({ ...sampleReport(), kernels: [], layers: [] })).toBe('');
  });

  it('has logarithmic scales that end at powers of ten', () => {
    const { at, ticks } = logScale([3, 200], [0, 300]);
    expect(ticks).toEqual([1, 10, 100, 1000]);
    expect(at(10)).toBeCloseTo(100);
  });
});

it.each([
  [
    'Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/147.0.1.2 Safari/537.36',
    'chrome',
    '147.0.1.2',
  ],
  [
    'Mozilla/5.0 (Windows) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.1',
    'edge',
    '140.1',
  ],
  ['Mozilla/5.0 (X11; rv:145.0) Gecko/20100101 Firefox/145.0', 'firefox', '145.0'],
  [
    'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
    'safari',
    '26.0',
  ],
  ['something else', 'browser', 'unknown'],
])('%s is %s %s', (userAgent, runtime, runtimeVersion) => {
  expect(browserName(userAgent)).toEqual({ runtime, runtimeVersion });
});

it.each([
  [{ device: '', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }, 'deno-llvmpipe.json'],
  [{ device: 'swiftshader-device-subzero-', description: 'x' }, 'deno-swiftshader-device-subzero.json'],
  [{ device: '', description: 'NVIDIA H200' }, 'deno-nvidia-h200.json'],
  [{ device: '', description: 'SwiftShader Device (Subzero)' }, 'deno-swiftshader-device-subzero.json'],
  [{ device: '', description: '' }, 'deno-apple-metal-3.json'],
  [{ device: '0', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }, 'deno-llvmpipe.json'],
  [{ device: '0xc0de', description: '' }, 'deno-apple-metal-3.json'],
])('the baseline of %o is called %s', (names, expected) => {
  const adapter = { vendor: 'apple', architecture: 'metal-3', ...names };
  expect(baselineName({ runtime: 'deno', adapter })).toBe(expected);
});
