/** @file The report for people: aligned columns, at most 100 characters wide. */

import type { Roofline } from '../../src/tuning/roofline.ts';
import type { Environment, KernelRow, LayerRow, MetricRow, Report } from './report.ts';
import { alignColumns, number, percent, shorten, textWidth } from './text.ts';

/** The whole report. `allRows`: every variant, not only the best, the default, the user's and the wrong. */
export function formatReport(report: Report, { allRows }: { allRows: boolean }): string {
  const { environment, roofline, kernels, layers, metrics } = report;
  const sections = [
    formatEnvironment(environment),
    formatRoofline(roofline),
    formatKernels(allRows ? kernels : kernels.filter(isShown)),
    formatLayers(layers),
    formatMetrics(metrics),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

const isShown = (row: KernelRow) => row.isBest || row.isDefault || row.showAlways || row.error !== null;

function formatRoofline({ f32GFlops, f16GFlops, copyGBs }: Roofline): string {
  const roofs = [
    f32GFlops === null ? '' : `f32 ${number(f32GFlops)} GFLOP/s`,
    f16GFlops === null ? '' : `f16 ${number(f16GFlops)} GFLOP/s`,
    copyGBs === null ? '' : `copy ${number(copyGBs)} GB/s`,
  ].filter(Boolean);
  return roofs.length > 0 ? `Roofline, measured in this run: ${roofs.join(', ')}` : '';
}

/** What was measured on; the first thing to look at in a comparison. */
export function formatEnvironment(environment: Environment): string {
  const { adapter, software, runtime, runtimeVersion, webgpu, os, cpu, flags, timer } = environment;
  const name = adapter.description || adapter.device || `${adapter.vendor} ${adapter.architecture}`;
  const clock =
    timer.method === 'timestamp'
      ? `timestamp queries, step ${number(timer.quantumNs)} ns`
      : `slope of N against 2N dispatches, fence ${number(timer.fenceFloorMs)} ms`;
  return [
    `Adapter  ${name}${adapter.driver ? `, driver ${adapter.driver}` : ''}${software ? ' (software: computes on the CPU)' : ''}`,
    `Runtime  ${[`${runtime} ${runtimeVersion}`, webgpu, os, software ? cpu : null].filter(Boolean).join(', ')}`,
    `Timer    ${clock}`,
    ...(flags.length > 0 ? [`Flags    ${flags.join(' ')}`] : []),
  ]
    .map((line) => shorten(line, textWidth))
    .join('\n');
}

const kernelHead = ['variant', 'mode', 'ms', 'p10', 'p90', 'GFLOP/s', 'GB/s', 'roof', ''];

function formatKernels(rows: readonly KernelRow[]): string {
  if (rows.length === 0) return '';
  const titleOf = (row: KernelRow) => [row.case, row.precision, row.size ? `(in ${row.size})` : ''].join(' ');
  const titles = [...new Set(rows.map(titleOf))];
  const body = rows.map((row) => [
    `  ${shorten(row.variant, 26)}`,
    row.mode,
    ...(row.ms
      ? [...[row.ms.median, row.ms.p10, row.ms.p90, row.gflops, row.gbs].map(number), percent(row.roofline)]
      : ['error', '-', '-', '-', '-', '-']),
    marks(row),
  ]);
  const [head, ...lines] = alignColumns([kernelHead, ...body], 2);
  const out = [`${head}   (* default, > best)`];
  for (const title of titles) {
    const first = rows.find((row) => titleOf(row) === title)!;
    out.push(
      shorten(
        `${title.trim()}${first.layers.length > 1 ? `, ${first.layers.length} layers` : ''}`,
        textWidth,
      ),
    );
    rows.forEach((row, i) => {
      if (titleOf(row) !== title) return;
      out.push(lines[i]);
      if (row.error) out.push(...wrapError(row.error));
    });
  }
  return out.join('\n');
}

const marks = (row: KernelRow) => `${row.isBest ? '>' : ''}${row.isDefault ? '*' : ''}`;

/** The first lines of an error; a shader's annotated source stands in the JSON. */
const wrapError = (error: string) =>
  error
    .split('\n')
    .slice(0, 3)
    .map((line) => `    ! ${shorten(line, textWidth - 6)}`);

function formatLayers(rows: readonly LayerRow[]): string {
  const runs = [...new Set(rows.map((row) => `${row.size} ${row.precision}`))];
  return runs
    .map((run) => {
      const own = rows.filter((row) => `${row.size} ${row.precision}` === run);
      const total = own.reduce((sum, { ms }) => sum + ms.median, 0);
      const lines = alignColumns(
        [
          ['layer', 'ms', 'share', 'GFLOP/s', 'GB/s', 'roof'],
          ...own.map((row) => [
            shorten(row.layer, 50),
            number(row.ms.median),
            percent(row.ms.median / total),
            number(row.gflops),
            number(row.gbs),
            percent(row.roofline),
          ]),
        ],
        1,
      );
      const how =
        own[0].method === 'frame'
          ? 'timestamps around each dispatch of a frame'
          : 'each dispatch repeated by itself';
      return [`Time per layer, ${run} (${how}; sum ${number(total)} ms)`, ...lines].join('\n');
    })
    .join('\n\n');
}

function formatMetrics(rows: readonly MetricRow[]): string {
  if (rows.length === 0) return '';
  const lines = alignColumns(
    [
      ['measurement', 'size', 'value', 'unit', 'p10', 'p90'],
      ...rows.map((row) => [
        shorten(row.name, 44),
        [row.size, row.precision].filter(Boolean).join(' '),
        row.value ? number(row.value.median) : 'error',
        row.unit,
        row.value && row.value.samples > 1 ? number(row.value.p10) : '',
        row.value && row.value.samples > 1 ? number(row.value.p90) : '',
      ]),
    ],
    2,
  );
  return [
    lines[0],
    ...rows.flatMap((row, i) => [
      lines[i + 1],
      ...(row.error ? wrapError(row.error) : []),
      ...(row.note ? [`    ${shorten(row.note, textWidth - 4)}`] : []),
    ]),
  ].join('\n');
}
