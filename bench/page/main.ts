/** @file The benchmark's page: a form, the tables, the plots, and `runBench()` for programs that drive the page. */

import { messageOf } from '../../src/describe.ts';
import { pageHost } from '../host/page.ts';
import { compareReports, formatComparison } from '../report/compare.ts';
import { readReport } from '../report/read-report.ts';
import { errorsOf, type Report } from '../report/report.ts';
import { formatReport } from '../report/table.ts';
import { runBenchmark } from '../run.ts';
import type { BenchSettings } from '../settings.ts';
import { formSettings } from './form.ts';
import { rooflinePlot } from './roofline-plot.ts';

/** What a program passes to {@link runBench}: settings as plain data. */
export interface PageRun {
  settings: BenchSettings;
  kernels?: string[];
  flags?: string[];
}

declare global {
  /** Runs the benchmark in the page and gives the report; progress goes to `onBenchProgress`, if it is there. */
  var runBench: (run: PageRun) => Promise<Report>;
  var onBenchProgress: ((done: number, total: number, label: string) => void) | undefined;
}

const find = <T extends HTMLElement>(id: string): T => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element '${id}'`);
  return element as T;
};

const form = find<HTMLFormElement>('settings');
const status = find('status');
let report: Report | undefined;
let before: Report | undefined;
let running: AbortController | undefined;

globalThis.runBench = async ({ settings, kernels = [], flags = [] }) => {
  const controller = new AbortController();
  running = controller;
  setRunning(true);
  try {
    const host = await pageHost({ kernels, flags });
    report = await runBenchmark(host, settings, {
      onProgress(done, total, label) {
        status.textContent = `${done} of ${total}: ${label}`;
        globalThis.onBenchProgress?.(done, total, label);
      },
      onReport: show,
      signal: controller.signal,
    });
    const errors = errorsOf(report);
    status.textContent = errors.length > 0 ? `Done, with errors: ${errors.join('; ')}` : 'Done.';
    return report;
  } catch (error) {
    status.textContent = messageOf(error);
    throw error;
  } finally {
    running = undefined;
    setRunning(false);
  }
};

form.addEventListener('submit', (event) => {
  event.preventDefault();
  try {
    // Its failure is shown in the page.
    globalThis.runBench(formSettings(new FormData(form))).catch(() => {});
  } catch (error) {
    status.textContent = messageOf(error);
  }
});

find('stop').addEventListener('click', () => running?.abort(new Error('Stopped.')));

find('download').addEventListener('click', () => {
  if (!report) return;
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 1)], { type: 'application/json' }));
  const { runtime } = report.environment;
  Object.assign(document.createElement('a'), { href: url, download: `bench-${runtime}.json` }).click();
  URL.revokeObjectURL(url);
});

find<HTMLInputElement>('compare').addEventListener('change', async ({ target }) => {
  const file = (target as HTMLInputElement).files?.[0];
  try {
    before = file && readReport(await file.text(), file.name);
    if (report) show(report);
  } catch (error) {
    status.textContent = messageOf(error);
  }
});

function setRunning(on: boolean): void {
  find<HTMLButtonElement>('run').disabled = on;
  find<HTMLButtonElement>('stop').disabled = !on;
}

function show(current: Report): void {
  report = current;
  find<HTMLButtonElement>('download').disabled = false;
  find('table').textContent = formatReport(current, { allRows: find<HTMLInputElement>('all').checked });
  find('comparison').textContent = comparison(current);
  const roofline = rooflinePlot(current);
  find('roofline').innerHTML = roofline && `<h2>Roofline</h2>${roofline}<p>${rooflineLegend}</p>`;
}

const rooflineLegend =
  'The best variant of each case. <b class="hot">Hot</b>: the same buffers each time; <b class="cold">cold</b>: rotated ' +
  'buffers; with a border: f16. The roofs were measured in this run.';

function comparison(current: Report): string {
  if (!before) return '';
  try {
    return formatComparison(compareReports(before, current));
  } catch (error) {
    return messageOf(error);
  }
}
