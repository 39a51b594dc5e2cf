/** @file The quick benchmark from end to end, very small: its report must be whole. No times are tested. */

import { expect, it } from 'vitest';
import type { CustomKernel } from '../../bench/cases/custom-kernel.ts';
import myKernel from '../../bench/examples/my-kernel.ts';
import { nativeHost, projectRoot } from '../../bench/host/native.ts';
import { runInBrowser } from '../../bench/page/run-in-browser.ts';
import { readReport } from '../../bench/report/read-report.ts';
import { errorsOf, type Report } from '../../bench/report/report.ts';
import { formatReport } from '../../bench/report/table.ts';
import { runBenchmark } from '../../bench/run.ts';
import { type BenchSettings, defaultSettings } from '../../bench/settings.ts';
import { beat } from '../helpers/heartbeat.ts';
import { findDeno } from './deno.ts';
import { startProgram } from './program.ts';

const tiny: BenchSettings = {
  ...defaultSettings,
  quick: true,
  sizes: [{ width: 32, height: 32 }],
  samples: 1,
  filter: 'conv 1x1 512>256, pool, preprocess, db-head, gpu time, network layers, cpu post, code size',
};

/** Writes zeros, in no time. */
const zeros: CustomKernel = {
  name: 'zeros',
  conv2d(conv, precision) {
    const kernel = myKernel.conv2d(conv, precision);
    const written = /output\[index\] = .*;/;
    return kernel && { ...kernel, code: kernel.code.replace(written, 'output[index] = 0.0;') };
  },
};

/** Is no WGSL. */
const broken: CustomKernel = {
  name: 'broken',
  conv2d(conv, precision) {
    const kernel = myKernel.conv2d(conv, precision);
    return kernel && { ...kernel, code: kernel.code.replace('fn main', 'function main') };
  },
};

/** What every report of the tiny run must have. */
function expectReport(report: Report): void {
  expect(readReport(JSON.stringify(report), 'the report')).toEqual(JSON.parse(JSON.stringify(report)));
  expect(report.roofline.f32GFlops).toBeGreaterThan(0);
  expect(report.roofline.copyGBs).toBeGreaterThan(0);
  expect(report.layers.length).toBeGreaterThan(20);
  const groups = report.kernels.map(({ group }) => group);
  // Pooling is fused into the stem where that pays.
  for (const group of ['conv', 'db-head', 'preprocess', 'roofline']) expect(groups).toContain(group);
  expect(report.metrics.map(({ name }) => name)).toContain('network GPU time P+T+B');
  expect(formatReport(report, { allRows: true })).toContain('Roofline, measured in this run');
}

it('in Node, with kernels of the user: one right, one wrong, one that does not compile', async () => {
  const host = await nativeHost({ kernels: [] });
  const customKernels = [myKernel, zeros, broken];
  const report = await runBenchmark({ ...host, customKernels }, tiny, { onProgress: beat });
  expectReport(report);
  const errors = errorsOf(report);
  expect(errors.filter((error) => !/zeros|broken/.test(error))).toEqual([]);
  expect(errors.find((error) => error.includes(', zeros:'))).toMatch(/'output' is wrong in \d+ of \d+ words/);
  expect(errors.find((error) => error.includes(', broken:'))).toMatch(/refused by this device/);
  const rowOf = (name: string) => report.kernels.find(({ variant }) => variant === name);
  expect(rowOf('naive')?.ms?.samples).toBe(1);
  expect(rowOf('zeros')?.ms).toBeNull();
});

it('without timestamps, by the slope method', async () => {
  const host = await nativeHost({ kernels: [] });
  const settings = { ...tiny, filter: 'conv 1x1 512>256', timer: 'slope' as const };
  const report = await runBenchmark(host, settings, { onProgress: beat });
  expect(report.environment.timer.method).toBe('slope');
  expect(errorsOf(report)).toEqual([]);
});

it('in Deno, as a program', async () => {
  const args = '--quick --sizes 32x32 --samples 1 --json - --filter'.split(' ');
  const { status, stdout, stderr } = await startProgram(
    findDeno(),
    ['run', '-A', 'bench/main.ts', ...args, 'conv 1x1 512>256, cpu post'],
    { cwd: projectRoot() },
  ).ended;
  expect(status, stderr).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.environment.runtime).toBe('deno');
  expect(report.kernels.length).toBeGreaterThan(0);
  expect(errorsOf(report)).toEqual([]);
});

it('in a Chromium page', async () => {
  const labels: string[] = [];
  const report = await runInBrowser(projectRoot(), tiny, [], {
    onProgress: (_done, _total, label) => {
      beat();
      labels.push(label);
    },
  });
  expectReport(report);
  expect(errorsOf(report)).toEqual([]);
  expect(report.environment.runtime).toBe('chrome');
  expect(labels.at(-1)).toBe('done');
});
