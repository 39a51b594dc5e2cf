/** @file The benchmark as a program, for Node and for Deno. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { SingleBar } from 'cli-progress';
import { CommanderError } from 'commander';
import { messageOf } from '../src/describe.ts';
import { dumpKernels } from './dump-kernels.ts';
import { nativeHost, projectRoot } from './host/native.ts';
import { type BenchOptions, parseOptions } from './options.ts';
import { baselineName } from './report/baseline-name.ts';
import { compareReports, formatComparison } from './report/compare.ts';
import { readReport } from './report/read-report.ts';
import { errorsOf, type Report } from './report/report.ts';
import { formatReport } from './report/table.ts';
import { listTasks, runBenchmark } from './run.ts';
import { parseSizes } from './settings.ts';

/** For `--dump-kernels` where `--sizes` says nothing. */
const defaultDumpSize = '640x640';

const exitStatus = { done: 0, failed: 1, usage: 2 } as const;

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(args, {
      out: (text) => void process.stdout.write(text),
      error: (text) => void process.stderr.write(text),
    });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitStatus.done : exitStatus.usage;
  }
  if (options.writePage !== undefined) {
    const { writePage } = await import('./page/bundle.ts');
    const written = await writePage(projectRoot(), options.writePage);
    process.stdout.write(`${written.map((path) => `${options.writePage}/${path}`).join('\n')}\n`);
    return exitStatus.done;
  }
  if (options.dumpKernels !== undefined) {
    const kernels = dumpKernels(options.settings.sizes ?? parseSizes(defaultDumpSize));
    writeFileSync(options.dumpKernels, JSON.stringify(kernels));
    process.stderr.write(
      `${kernels.length} kernels, ${new Set(kernels.map(({ code }) => code)).size} codes\n`,
    );
    return exitStatus.done;
  }
  if (options.page) {
    const { servePage } = await import('./page/serve.ts');
    const { page, kernels } = await servePage(projectRoot(), options.kernels);
    process.stdout.write(
      `${page}\n${kernels.map((address) => `own kernel: ${address}\n`).join('')}Ctrl-C ends it.\n`,
    );
    return new Promise(() => {});
  }
  // Read first: it would be a pity to find it missing after minutes of measuring.
  const before =
    options.compare === undefined
      ? undefined
      : readReport(readFileSync(options.compare, 'utf8'), options.compare);
  if (options.list) {
    const host = await nativeHost({ weights: options.weights, kernels: options.kernels });
    process.stdout.write(`${(await listTasks(host, options.settings)).join('\n')}\n`);
    return exitStatus.done;
  }
  const report = await measure(options);
  const json = `${JSON.stringify(report, null, 1)}\n`;
  if (options.baseline) {
    const path = `bench/baselines/${baselineName(report.environment)}`;
    writeFileSync(join(projectRoot(), path), json);
    process.stderr.write(`baseline: ${path}\n`);
  }
  if (options.json === '-') process.stdout.write(json);
  else {
    if (options.json !== undefined) writeFileSync(options.json, json);
    process.stdout.write(formatReport(report, { allRows: options.all }));
    if (before) process.stdout.write(`\n${formatComparison(compareReports(before, report))}`);
  }
  const errors = errorsOf(report);
  for (const error of errors) process.stderr.write(`error: ${error.split('\n')[0]}\n`);
  return errors.length > 0 ? exitStatus.failed : exitStatus.done;
}

/** Here, or in a browser. */
async function measure({ settings, kernels, weights, browser }: BenchOptions): Promise<Report> {
  const { report: onProgress, end } = showProgress();
  try {
    if (browser) {
      if (weights !== undefined)
        throw new Error("--weights is not for --browser: the page loads the package's own");
      const { runInBrowser } = await import('./page/run-in-browser.ts');
      return await runInBrowser(projectRoot(), settings, kernels, { onProgress });
    }
    return await runBenchmark(await nativeHost({ weights, kernels }), settings, { onProgress });
  } finally {
    end();
  }
}

/** A bar on a terminal; elsewhere a line for each piece of work. */
function showProgress(): { report: (done: number, total: number, label: string) => void; end: () => void } {
  const { stderr } = process;
  if (!stderr.isTTY) {
    const report = (done: number, total: number, label: string) =>
      void stderr.write(`[${done}/${total}] ${label}\n`);
    return { report, end: () => {} };
  }
  const bar = new SingleBar({
    format: '{bar} {value}/{total}  {label}',
    barsize: 24,
    clearOnComplete: true,
    stream: stderr,
  });
  let started = false;
  return {
    report(done, total, label) {
      if (!started) bar.start(total, done, { label });
      started = true;
      bar.update(done, { label });
    },
    end: () => bar.stop(),
  };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`);
  process.exitCode = exitStatus.failed;
}
// Dawn's objects keep threads alive; everything is written by now, or is when the streams have drained.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))),
);
process.exit();
