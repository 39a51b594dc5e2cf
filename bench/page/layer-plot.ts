/** @file Time per layer as bars, one plot for each size and precision. */

import type { LayerRow, Report } from '../report/report.ts';
import { number, percent, shorten } from '../report/text.ts';
import { element, label, tooltip } from './svg.ts';

const width = 860;
const rowHeight = 18;
const names = 330;
const values = 130;

/** SVGs with their titles. */
export function layerPlots({ layers }: Report): { title: string; svg: string }[] {
  const titleOf = (row: LayerRow) => `${row.size}, ${row.precision}`;
  return [...new Set(layers.map(titleOf))].map((title) => ({
    title,
    svg: bars(layers.filter((row) => titleOf(row) === title)),
  }));
}

function bars(rows: readonly LayerRow[]): string {
  const longest = Math.max(...rows.map(({ ms }) => ms.p90));
  const total = rows.reduce((sum, { ms }) => sum + ms.median, 0);
  const length = (ms: number) => (ms / longest) * (width - names - values);
  return element(
    'svg',
    { viewBox: `0 0 ${width} ${rows.length * rowHeight}`, role: 'img', 'aria-label': 'Time per layer' },
    ...rows.map((row, i) => {
      const y = i * rowHeight;
      const { median, p10, p90 } = row.ms;
      const share = percent(median / total);
      return element(
        'g',
        {},
        tooltip(
          `${row.layer}: ${number(median)} ms (p10 ${number(p10)}, p90 ${number(p90)}), ${number(row.gflops)} GFLOP/s, ${percent(row.roofline)} of the roof`,
        ),
        label(names - 8, y + 13, shorten(row.layer, 46), { 'text-anchor': 'end' }),
        element('rect', {
          x: names,
          y: y + 3,
          width: length(median),
          height: rowHeight - 6,
          class: row.bound ?? 'compute',
        }),
        element('line', {
          x1: names + length(p10),
          x2: names + length(p90),
          y1: y + rowHeight / 2,
          y2: y + rowHeight / 2,
          class: 'spread',
        }),
        label(names + length(p90) + 6, y + 13, `${number(median)} ms, ${share}`),
      );
    }),
  );
}
