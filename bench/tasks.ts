/** @file From settings to pieces of work: roofs, kernels, measurements, in the order in which they run. */

import type { Precision } from '../src/kernels/wgsl.ts';
import type { Case } from './cases/case.ts';
import type { CustomKernel } from './cases/custom-kernel.ts';
import { convLadder } from './cases/ladder.ts';
import { networkCases } from './cases/network-cases.ts';
import { copyCase, multiplyAddCase } from './cases/roofline.ts';
import { runCase } from './cases/run-case.ts';
import { defaultForm } from './network/default-form.ts';
import { measurements } from './network/index.ts';
import { failedMetric, type Measurement, type MeasurementContext } from './network/measurement.ts';
import { kernelRows } from './report/kernel-rows.ts';
import type { KernelRow, Report } from './report/report.ts';
import { type BenchSettings, effortOf, matches, sizeName } from './settings.ts';
import type { BenchDevice } from './timing/bench-device.ts';

/** Everything that the pieces of work of one run share. */
export interface BenchRun extends Omit<MeasurementContext, 'size' | 'precision'> {
  settings: BenchSettings;
  /** Those that the device compiles. */
  precisions: readonly Precision[];
  /** What is filled. */
  report: Report;
}

export interface Task {
  name: string;
  run(): Promise<void>;
}

/** Bytes of the copy kernel's buffers: more than caches hold. */
const copyBytes = { gpu: 128 * 2 ** 20, software: 32 * 2 ** 20 };
/** Workgroups of the multiply-add kernel: enough to fill a GPU several times. */
const multiplyAddWorkgroups = { gpu: 8192, software: 128 };

/** What a run with these settings does. */
export function tasksOf(run: BenchRun): Task[] {
  const { settings, device, precisions, host } = run;
  const cases = chooseCases(settings, precisions, device, host.customKernels);
  const measured = chooseMeasurements(settings);
  // All shares are of the roofs, so those come first. The CPU's work has no use for them.
  const needsRoofs = cases.length > 0 || measured.some(({ group }) => group !== 'cpu');
  return [
    ...(needsRoofs ? roofTasks(run) : []),
    ...cases.map((entry) => ({
      name: caseTitle(entry),
      run: async () => void (await runKernels(run, entry)),
    })),
    ...measured.flatMap((one) => measurementTasks(run, one)),
  ];
}

/** Names of what a run with these settings measures. */
export function taskNames(
  settings: BenchSettings,
  device: BenchDevice,
  customKernels: readonly CustomKernel[],
): string[] {
  return [
    ...chooseCases(settings, settings.precisions, device, customKernels).map(caseTitle),
    ...chooseMeasurements(settings).map(({ name }) => name),
  ];
}

const caseTitle = ({ name, precision, size }: Case) =>
  [name, precision, size && `(in ${size})`].filter(Boolean).join(' ');

function chooseCases(
  settings: BenchSettings,
  precisions: readonly Precision[],
  device: BenchDevice,
  customKernels: readonly CustomKernel[],
): Case[] {
  const { quick, filter } = settings;
  const { sizes, graphs, menu } = effortOf(settings, device.context.software);
  const all = precisions.flatMap((precision) => {
    const form = defaultForm(device.context, precision);
    return [
      ...sizes.flatMap((size) =>
        networkCases(size, graphs, { ...form, context: device.context, menu, customKernels }),
      ),
      ...(quick && filter === '' ? [] : [convLadder(precision)]),
    ];
  });
  return all.filter(({ name, group }) => matches(filter, group, name));
}

function chooseMeasurements({ filter, quick }: BenchSettings): Measurement[] {
  return measurements.filter(
    (one) => matches(filter, one.group, one.name) && (one.quick || !quick || filter !== ''),
  );
}

/** Runs a case and adds its rows to the report. */
async function runKernels(run: BenchRun, entry: Case): Promise<KernelRow[]> {
  const { context, pipelines, timer, effort, sampling, report } = run;
  // Roofs have nothing to rotate: their data is either in registers or larger than the caches.
  const coldFootprint = entry.group === 'roofline' ? 0 : effort.coldFootprint;
  const results = await runCase(entry, context, pipelines, timer, { ...sampling, coldFootprint });
  const rows = kernelRows(entry, results, report.roofline);
  report.kernels.push(...rows);
  return rows;
}

function roofTasks(run: BenchRun): Task[] {
  const { context, device, report } = run;
  const kind = context.software ? 'software' : 'gpu';
  const { maxStorageBufferBindingSize, maxBufferSize } = context.device.limits;
  const bytes = Math.min(copyBytes[kind], maxStorageBufferBindingSize, maxBufferSize);
  const workgroups = multiplyAddWorkgroups[kind];
  const roof = (entry: Case, name: keyof Report['roofline'], rate: 'gflops' | 'gbs'): Task => ({
    name: `roofline ${caseTitle(entry)}`,
    run: async () => {
      const rows = await runKernels(run, entry);
      report.roofline[name] = rows.find(({ isBest }) => isBest)?.[rate] ?? null;
    },
  });
  return [
    roof(multiplyAddCase('f32', workgroups), 'f32GFlops', 'gflops'),
    ...(device.f16 ? [roof(multiplyAddCase('f16', workgroups), 'f16GFlops', 'gflops')] : []),
    roof(copyCase(Math.floor(bytes / 4096) * 4096), 'copyGBs', 'gbs'),
  ];
}

/** One task, or one for each size and precision. */
function measurementTasks(run: BenchRun, one: Measurement): Task[] {
  const turns = run.effort.sizes.flatMap((size) => run.precisions.map((precision) => ({ size, precision })));
  return (one.perSize ? turns : turns.slice(0, 1)).map((turn) => ({
    name: one.perSize ? `${one.name} ${turn.precision} ${sizeName(turn.size)}` : one.name,
    run: () => runMeasurement(run, one, turn),
  }));
}

/** A measurement that fails is an error in the report; the others still run. */
async function runMeasurement(
  run: BenchRun,
  one: Measurement,
  turn: Pick<MeasurementContext, 'size' | 'precision'>,
): Promise<void> {
  try {
    const { metrics = [], layers = [] } = await one.run({ ...run, ...turn });
    run.report.metrics.push(...metrics);
    run.report.layers.push(...layers);
  } catch (error) {
    if (run.signal?.aborted || run.context.lost) throw error;
    const message = error instanceof Error ? error.message : String(error);
    run.report.metrics.push(failedMetric(one.perSize ? turn : {}, one.name, 'ms', message));
  }
}
