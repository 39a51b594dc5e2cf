/** @file Two reports side by side: ratios per row. */

import type { Summary } from '../../src/tuning/timing.ts';
import type { Report } from './report.ts';
import { alignColumns, number, shorten } from './text.ts';

export interface Comparison {
  rows: ComparisonRow[];
  /** What makes the ratios doubtful: another device, runtime or driver. */
  warnings: string[];
  /** Rows that stand in one of the reports only. */
  unmatched: number;
}

export interface ComparisonRow {
  name: string;
  unit: string;
  before: number;
  after: number;
  /** Above 1: better than before. */
  ratio: number;
  /** The samples of both overlap (p10 to p90), so that the difference may be noise. */
  overlaps: boolean;
}

interface Measured {
  name: string;
  unit: string;
  better: 'lower' | 'higher';
  value: Summary;
  /** True for the best or the default variant by that name. */
  role?: boolean;
  variant?: string;
}

/**
 * Compares two reports row by row.
 * @throws Error where one was taken on a software adapter and the other on a GPU.
 */
export function compareReports(before: Report, after: Report): Comparison {
  if (before.environment.software !== after.environment.software) {
    throw new Error(
      'one report was taken on a GPU and the other on a software adapter: their times have nothing to do with each other',
    );
  }
  const old = new Map(measurements(before));
  const rows: ComparisonRow[] = [];
  const matched = new Set<string>();
  let unmatched = 0;
  for (const [key, measured] of measurements(after)) {
    const { name, unit, better, value, role, variant } = measured;
    const previous = old.get(key);
    if (role && previous?.variant === variant) continue;
    if (!previous || previous.value.median === 0 || value.median === 0) {
      if (!role && !previous) unmatched++;
      continue;
    }
    matched.add(key);
    rows.push({
      name,
      unit,
      before: previous.value.median,
      after: value.median,
      ratio: better === 'lower' ? previous.value.median / value.median : value.median / previous.value.median,
      overlaps: value.p10 <= previous.value.p90 && previous.value.p10 <= value.p90,
    });
  }
  for (const [key, { role, value }] of old) {
    if (!role && value.median !== 0 && !matched.has(key)) unmatched++;
  }
  return { rows, warnings: environmentDifferences(before, after), unmatched };
}

/** All rows that have a number, by a key that is the same in every report. */
function measurements({ kernels, layers, metrics }: Report): [string, Measured][] {
  return [
    ...kernels.flatMap((row): [string, Measured][] => {
      if (!row.ms) return [];
      const task = [row.case, row.precision, row.size && `in ${row.size}`].filter(Boolean).join(', ');
      // The best and the default may be other variants than before; where not, their own rows say it all.
      const roles = [row.isBest && 'best', row.isDefault && 'default'].filter((role) => role !== false);
      return [row.variant, ...roles].map((variant) => {
        const name = `${task}, ${variant}, ${row.mode}`;
        return [
          `kernel ${name}`,
          { ...lower(name, row.ms!), role: variant !== row.variant, variant: row.variant },
        ];
      });
    }),
    ...layers.map((row): [string, Measured] => {
      const name = `layer ${row.layer}, ${row.precision}, ${row.size}`;
      return [`${name} ${row.method}`, lower(name, row.ms)];
    }),
    ...metrics.flatMap((row): [string, Measured][] => {
      if (!row.value) return [];
      const name = [row.name, row.precision, row.size].filter(Boolean).join(', ');
      return [[`metric ${name}`, { name, unit: row.unit, better: row.better, value: row.value }]];
    }),
  ];
}

const lower = (name: string, value: Summary): Measured => ({ name, unit: 'ms', better: 'lower', value });

function environmentDifferences(before: Report, after: Report): string[] {
  const pairs: [string, unknown, unknown][] = [
    ['adapter', before.environment.adapter.description, after.environment.adapter.description],
    ['driver', before.environment.adapter.driver, after.environment.adapter.driver],
    ['runtime', before.environment.runtime, after.environment.runtime],
    ['runtime version', before.environment.runtimeVersion, after.environment.runtimeVersion],
    ['processor', before.environment.cpu, after.environment.cpu],
    ['flags', before.environment.flags.join(' '), after.environment.flags.join(' ')],
    ['timer', before.environment.timer.method, after.environment.timer.method],
  ];
  return pairs
    .filter(([, a, b]) => a !== b)
    .map(([what, a, b]) => `another ${what}: '${a ?? ''}' before, '${b ?? ''}' now`);
}

/** The comparison for people. */
export function formatComparison({ rows, warnings, unmatched }: Comparison): string {
  const lines = alignColumns(
    [
      ['compared', 'before', 'now', 'unit', 'ratio', ''],
      ...rows.map((row) => [
        shorten(row.name, 56),
        number(row.before),
        number(row.after),
        row.unit,
        `${row.ratio.toFixed(2)}x`,
        row.overlaps ? '~' : '',
      ]),
    ],
    1,
  );
  const kinds = new Map<string, number[]>();
  for (const { unit, ratio } of rows) kinds.set(unit, [...(kinds.get(unit) ?? []), ratio]);
  const means = [...kinds].map(([unit, ratios]) => `${unit} ${geometricMean(ratios).toFixed(3)}x`);
  return [
    ...warnings.map((warning) => `! ${warning}`),
    ...lines,
    `Ratio above 1: better than before; ~: samples overlap. Geometric means: ${means.join(', ') || 'none'}.`,
    ...(unmatched > 0 ? [`Rows that stand in one of the reports only: ${unmatched}.`] : []),
    '',
  ].join('\n');
}

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
