/** @file The comparison as JSON and as a table. */

import { type Summary, summarize } from '../../src/tuning/timing.ts';
import { alignColumns, shorten } from '../report/text.ts';
import type { Bytes, FileBytes } from './files.ts';
import type { Outcome } from './measure.ts';
import type { ColdStart, Sample } from './page/harness.ts';

/** Files of one kind, with their sum. */
export interface Download extends Bytes {
  files: FileBytes[];
}

/** Milliseconds throughout. */
export interface Row {
  id: string;
  name: string;
  version: string;
  status: 'ok' | 'error';
  error?: string;
  adapter?: string;
  threads?: number;
  /** What readers of its figures must know. */
  note?: string;
  /** Greatest absolute difference of P from ours. */
  difference?: number;
  /** Input in memory to P on the CPU: ours from pixels, the peers from what `prepare` made of them. */
  latency?: Summary & { prepareMedian: number; values: Sample[] };
  coldStart?: Summary & { stages: ColdStart; values: ColdStart[] };
  code?: Download;
  weights?: Download;
  /** This row's figure divided by ours; above 1 ours is faster or smaller. */
  ratios?: { latency: number; coldStart: number; codeGzip: number };
}

export interface Report {
  format: 'dbnet-webgpu-peers/2';
  date: string;
  size: { width: number; height: number };
  weights: string;
  image: string;
  digests: { weights: string; pixels: string; litert?: string };
  adapter: { name: string; software: boolean };
  browser: { version: string; flags: string[] };
  machine: { platform: string; cpu: string; cores: number; loadBefore: number; loadAfter: number };
  versions: Record<string, string>;
  tolerance: number;
  samples: { least: number; most: number; budgetSeconds: number };
  rows: Row[];
}

/** One row of figures. */
export function makeRow(
  { spec, error, info, difference, cold, steady }: Outcome,
  version: string,
  downloads: { code: FileBytes[]; weights: FileBytes[] },
): Row {
  const row = { id: spec.id, name: spec.name, version };
  if (error !== undefined) return { ...row, status: 'error', error };
  const median = (pick: (start: ColdStart) => number) => summarize(cold.map(pick)).median;
  return {
    ...row,
    status: 'ok',
    ...info,
    difference,
    latency: {
      ...summarize(steady.map(({ run }) => run)),
      prepareMedian: summarize(steady.map(({ prepare }) => prepare)).median,
      values: steady,
    },
    coldStart: {
      ...summarize(cold.map(({ total }) => total)),
      stages: {
        load: median(({ load }) => load),
        create: median(({ create }) => create),
        first: median(({ first }) => first),
        total: median(({ total }) => total),
      },
      values: cold,
    },
    code: download(downloads.code),
    weights: download(downloads.weights),
  };
}

function download(files: FileBytes[]): Download {
  const sum = (key: keyof Bytes) => files.reduce((total, file) => total + file[key], 0);
  return { raw: sum('raw'), gzip: sum('gzip'), files };
}

/** Adds what each figure is of ours. */
export function addRatios(rows: readonly Row[]): Row[] {
  const ours = rows.find(({ id }) => id === 'ours');
  return rows.map((row) => {
    const { latency, coldStart, code } = row;
    if (!latency || !coldStart || !code || !ours?.latency || !ours.coldStart || !ours.code) return row;
    return {
      ...row,
      ratios: {
        latency: latency.median / ours.latency.median,
        coldStart: coldStart.median / ours.coldStart.median,
        codeGzip: code.gzip / ours.code.gzip,
      },
    };
  });
}

/** The report for people. */
export function formatReport(report: Report): string {
  const { size, adapter, browser, machine, rows, image, weights } = report;
  return [
    `${adapter.name || 'unknown adapter'}${adapter.software ? ' (software: these are times of a CPU)' : ''}; ${browser.version}`,
    `${machine.cpu}, ${machine.cores} cores, load ${machine.loadBefore.toFixed(1)} before and ${machine.loadAfter.toFixed(1)} after`,
    `${weights}, ${image} at ${size.width}x${size.height}; "x ours" is a figure divided by that of maps()`,
    '',
    ...table(
      ['', 'latency, ms', 'p10..p90', 'n', 'x ours', 'cold start, ms', 'n', 'x ours'],
      rows,
      ({ latency, coldStart, ratios }) => [
        ms(latency.median),
        `${ms(latency.p10)}..${ms(latency.p90)}`,
        String(latency.samples),
        ratios.latency.toFixed(2),
        ms(coldStart.median),
        String(coldStart.samples),
        ratios.coldStart.toFixed(2),
      ],
    ),
    '',
    ...table(
      ['', 'load', 'create', 'first, ms', 'prepare', 'code, gzip', 'x ours', 'weights', 'max |dP|'],
      rows,
      ({ latency, coldStart, code, weights, ratios, difference }) => [
        ...[coldStart.stages.load, coldStart.stages.create, coldStart.stages.first].map(ms),
        ms(latency.prepareMedian),
        byteSize(code.gzip),
        ratios.codeGzip.toFixed(2),
        byteSize(weights.raw),
        difference === undefined ? '' : difference.toExponential(0),
      ],
    ),
    ...rows.flatMap(({ name, note }) => (note === undefined ? [] : [`${name}: ${note}`])),
    ...rows.flatMap(({ name, error }) =>
      error === undefined ? [] : [`${name}: error: ${shorten(error, 300)}`],
    ),
    '',
    'latency: input in memory to P on the CPU. Ours begins with pixels, the peers with the prepared input.',
    'cold start: fresh browser and page to the first result, with local files.',
    '',
  ].join('\n');
}

/** The rows as a table in Markdown, to be pasted elsewhere. `about`: what stands above it, a line each. */
export function formatMarkdown(about: readonly string[], rows: readonly Row[]): string {
  const head = [
    'f32',
    'latency, ms',
    'p10..p90',
    'n',
    'x ours',
    'first result, ms',
    'n',
    'x ours',
    'max \\|dP\\|',
  ];
  const cells = rows
    .filter(isMeasured)
    .map((row) => [
      title(row),
      ms(row.latency.median),
      `${ms(row.latency.p10)}..${ms(row.latency.p90)}`,
      String(row.latency.samples),
      row.ratios.latency.toFixed(2),
      ms(row.coldStart.median),
      String(row.coldStart.samples),
      row.ratios.coldStart.toFixed(2),
      row.difference === undefined ? '' : row.difference.toExponential(0),
    ]);
  const line = (values: readonly string[]) => `| ${values.join(' | ')} |`;
  return [
    ...about.map((text) => `- ${text}`),
    ...rows.flatMap(({ name, note }) => (note === undefined ? [] : [`- ${name}: ${note}`])),
    ...rows.flatMap(({ name, error }) =>
      error === undefined ? [] : [`- ${name}: error: ${shorten(error, 300)}`],
    ),
    '',
    line(head),
    line(head.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...cells.map(line),
    '',
  ].join('\n');
}

type Measured = Row & Required<Pick<Row, 'latency' | 'coldStart' | 'code' | 'weights' | 'ratios'>>;

const isMeasured = (row: Row): row is Measured => row.ratios !== undefined;

/** The rows that have figures. */
function table(head: string[], rows: readonly Row[], cells: (row: Measured) => string[]): string[] {
  return alignColumns([head, ...rows.filter(isMeasured).map((row) => [title(row), ...cells(row)])], 1);
}

const title = ({ name, version, threads }: Row) =>
  [name, version, threads && `(${threads} threads)`].filter(Boolean).join(' ');

const ms = (value: number) => (value < 100 ? value.toFixed(1) : value.toFixed(0));

/** Kilobytes or megabytes, decimal. */
const byteSize = (bytes: number) =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
