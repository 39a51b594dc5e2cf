/** @file The comparison as JSON and as a table. */

import Table from 'cli-table3';
import { type Summary, summarize } from '../../src/tuning/timing.ts';
import type { Difference } from './check.ts';
import type { Bytes, FileBytes, Outcome } from './measure.ts';
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
  /** Greatest absolute difference from ours, per map. */
  difference?: Difference;
  /** Input in memory to maps on the CPU: ours from pixels, the peers from what `prepare` made of them. */
  latency?: Summary & { prepareMedian: number; values: Sample[] };
  coldStart?: Summary & { stages: ColdStart; values: ColdStart[] };
  code?: Download;
  weights?: Download;
  /** This row's figure divided by ours; above 1 ours is faster or smaller. */
  ratios?: { latency: number; coldStart: number; coldStartToRegions?: number; codeGzip: number };
}

export interface Report {
  format: 'dbnet-webgpu-peers/1';
  date: string;
  size: { width: number; height: number };
  image: string;
  digests: { weights: string; pixels: string };
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
  const regions = rows.find(({ id }) => id === 'ours-detect')?.coldStart?.median;
  return rows.map((row) => {
    const { latency, coldStart, code } = row;
    if (!latency || !coldStart || !code || !ours?.latency || !ours.coldStart || !ours.code) return row;
    return {
      ...row,
      ratios: {
        latency: latency.median / ours.latency.median,
        coldStart: coldStart.median / ours.coldStart.median,
        coldStartToRegions: regions === undefined ? undefined : coldStart.median / regions,
        codeGzip: code.gzip / ours.code.gzip,
      },
    };
  });
}

/** The report for people. */
export function formatReport(report: Report): string {
  const { size, adapter, browser, machine, rows, image } = report;
  const ort = rows.find(({ id }) => id === 'ort-webgpu');
  return [
    `${adapter.name || 'unknown adapter'}${adapter.software ? ' (software: these are times of a CPU)' : ''}; ${browser.version}`,
    `${machine.cpu}, ${machine.cores} cores, load ${machine.loadBefore.toFixed(1)} before and ${machine.loadAfter.toFixed(1)} after; ` +
      `${image} at ${size.width}x${size.height}; "x ours" is a figure divided by that of maps()`,
    speedTable(rows),
    'latency: input in memory to P, T, B on the CPU. Ours begins with pixels, theirs with the prepared input.',
    'cold start: fresh browser and page to the first result, with local files.',
    detailTable(rows),
    ...(ort?.ratios ? conclusions(ort.ratios) : []),
    '',
  ].join('\n');
}

function speedTable(rows: readonly Row[]): string {
  const table = newTable(['', 'latency, ms', 'p10..p90', 'n', 'x ours', 'cold start, ms', 'n', 'x ours']);
  for (const row of rows) {
    const { latency, coldStart, ratios, status, error } = row;
    if (status === 'error' || !latency || !coldStart) {
      table.push([title(row), { colSpan: 7, hAlign: 'left', content: `error: ${shorten(error ?? '')}` }]);
      continue;
    }
    table.push([
      title(row),
      ms(latency.median),
      `${ms(latency.p10)}..${ms(latency.p90)}`,
      latency.samples,
      ratio(ratios?.latency),
      ms(coldStart.median),
      coldStart.samples,
      ratio(ratios?.coldStart),
    ]);
  }
  return table.toString();
}

function detailTable(rows: readonly Row[]): string {
  const table = newTable([
    '',
    'load',
    'create',
    'first, ms',
    'prepare',
    'code, gzip',
    'x ours',
    'weights',
    'max |dP| |dT| |dB|',
  ]);
  for (const row of rows) {
    const { latency, coldStart, code, weights, ratios, difference } = row;
    if (!latency || !coldStart || !code || !weights) continue;
    const { load, create, first } = coldStart.stages;
    table.push([
      title(row),
      ms(load),
      ms(create),
      ms(first),
      ms(latency.prepareMedian),
      byteSize(code.gzip),
      ratio(ratios?.codeGzip),
      byteSize(weights.raw),
      difference ? [difference.P, difference.T, difference.B].map((d) => d.toExponential(0)).join(' ') : '',
    ]);
  }
  return table.toString();
}

/** What ours is of ONNX Runtime Web's WebGPU provider. */
function conclusions(ort: NonNullable<Row['ratios']>): string[] {
  const share = (factor: number, digits: number) => `${(100 / factor).toFixed(digits)} %`;
  const regions =
    ort.coldStartToRegions === undefined
      ? ''
      : `, to first regions (detect()) ${share(ort.coldStartToRegions, 0)}`;
  return [
    `Against ONNX Runtime Web, WebGPU: ${ort.latency.toFixed(1)}x as fast; cold start to first maps ` +
      `${share(ort.coldStart, 0)} of its time${regions}; code, gzipped, ${share(ort.codeGzip, 2)} of its bytes.`,
  ];
}

function newTable(head: string[]): InstanceType<typeof Table> {
  return new Table({
    head,
    colAligns: head.map((name) => (name === '' || name.startsWith('max') ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
}

const title = ({ name, version, threads }: Row) =>
  [name, version, threads && `(${threads} threads)`].filter(Boolean).join(' ');

const errorShown = 300;

const shorten = (text: string) => (text.length > errorShown ? `${text.slice(0, errorShown)}...` : text);

const ms = (value: number) => (value < 100 ? value.toFixed(1) : value.toFixed(0));

const ratio = (value: number | undefined) => (value === undefined ? '' : value.toFixed(2));

/** Kilobytes or megabytes, decimal. */
const byteSize = (bytes: number) =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
