/** @file The roofline of a report: rate against arithmetic intensity, both logarithmic. */

import type { KernelRow, Report } from '../report/report.ts';
import { number, percent } from '../report/text.ts';
import { element, label, logScale, tooltip } from './svg.ts';

const width = 860;
const height = 420;
const margin = { left: 70, right: 20, top: 20, bottom: 50 };

/** A point of the plot. */
interface Point {
  row: KernelRow;
  intensity: number;
  gflops: number;
}

/** An SVG, or nothing where no kernel was timed. The best variant of each case, hot and cold. */
export function rooflinePlot({ kernels, roofline }: Report): string {
  const points = kernels.flatMap((row): Point[] =>
    row.isBest && row.gflops && row.flops > 0 && row.group !== 'roofline'
      ? [{ row, intensity: row.flops / row.bytes, gflops: row.gflops }]
      : [],
  );
  const { f32GFlops, f16GFlops, copyGBs } = roofline;
  if (points.length === 0 || !f32GFlops || !copyGBs) return '';
  const peak = Math.max(f32GFlops, f16GFlops ?? 0);
  const intensities = points.map(({ intensity }) => intensity);
  const x = logScale(
    [Math.min(...intensities, 1), Math.max(...intensities, (2 * peak) / copyGBs)],
    [margin.left, width - margin.right],
  );
  const y = logScale(
    [Math.min(...points.map(({ gflops }) => gflops)), 1.2 * peak],
    [height - margin.bottom, margin.top],
  );
  const [left, right] = [x.ticks[0], x.ticks[x.ticks.length - 1]];
  const bottom = y.ticks[0];
  const roof = (rate: number, name: string) => {
    const start = Math.max(left, bottom / copyGBs);
    const knee = rate / copyGBs;
    const path = [
      [start, start * copyGBs],
      [knee, rate],
      [right, rate],
    ].map(([a, b]) => `${x.at(a).toFixed(1)},${y.at(b).toFixed(1)}`);
    return [
      element('polyline', { points: path.join(' '), class: 'roof' }),
      label(width - margin.right, y.at(rate) - 6, `${name} ${number(rate)} GFLOP/s`, {
        'text-anchor': 'end',
      }),
    ].join('');
  };
  return element(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Roofline' },
    ...x.ticks.map((tick) =>
      [
        element('line', {
          x1: x.at(tick),
          x2: x.at(tick),
          y1: margin.top,
          y2: height - margin.bottom,
          class: 'grid',
        }),
        label(x.at(tick), height - margin.bottom + 18, String(tick), { 'text-anchor': 'middle' }),
      ].join(''),
    ),
    ...y.ticks.map((tick) =>
      [
        element('line', {
          x1: margin.left,
          x2: width - margin.right,
          y1: y.at(tick),
          y2: y.at(tick),
          class: 'grid',
        }),
        label(margin.left - 8, y.at(tick) + 4, String(tick), { 'text-anchor': 'end' }),
      ].join(''),
    ),
    label(width / 2, height - 10, 'FLOP per byte that must move', { 'text-anchor': 'middle' }),
    label(margin.left, margin.top - 6, 'GFLOP/s'),
    label(x.at(left) + 6, y.at(Math.max(bottom, left * copyGBs)) - 8, `copy ${number(copyGBs)} GB/s`),
    roof(f32GFlops, 'f32'),
    f16GFlops === null ? '' : roof(f16GFlops, 'f16'),
    ...points.map(({ row, intensity, gflops }) =>
      element(
        'circle',
        { cx: x.at(intensity), cy: y.at(gflops), r: 5, class: `${row.mode} ${row.precision}` },
        tooltip(
          `${row.case}, ${row.precision}, ${row.mode}: ${number(gflops)} GFLOP/s, ${percent(row.roofline)} of the roof (${row.variant})`,
        ),
      ),
    ),
  );
}
