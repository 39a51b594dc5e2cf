/** @file A run of the benchmark, the same in Node, Deno and a page: a host and settings in, a report out. */

import { messageOf } from '../src/describe.ts';
import { PipelineCache } from '../src/gpu/pipelines.ts';
import { ImageUpload } from '../src/input/upload.ts';
import type { Precision } from '../src/kernels/wgsl.ts';
import type { Size } from '../src/size.ts';
import { Timer } from '../src/tuning/timing.ts';
import { type Case, convLadder, networkCases, rooflineCases } from './cases/cases.ts';
import type { CustomKernel } from './cases/custom-kernel.ts';
import { runCase } from './cases/run-case.ts';
import { type BenchDevice, openBenchDevice } from './device.ts';
import type { Host } from './host/host.ts';
import { measurements } from './network/index.ts';
import { failedMetric, type Measurement, type MeasurementContext } from './network/measurement.ts';
import { defaultForm, loadNetwork, type Network, wrongLayersOf } from './network/network.ts';
import { drawPicture } from './network/picture.ts';
import { type KernelRow, type Report, reportFormat, schemaVersion } from './report/report.ts';
import { type BenchSettings, effortOf, matches, sizeName } from './settings.ts';

export interface RunOptions {
  /** Called before each piece of work. */
  onProgress?: (done: number, total: number, label: string) => void;
  /** Called with the report as it stands after each piece of work. */
  onReport?: (report: Report) => void;
  signal?: AbortSignal;
}

/** Everything that the pieces of work of one run share. */
interface BenchRun extends Omit<MeasurementContext, 'size' | 'precision'> {
  settings: BenchSettings;
  /** Those that the device compiles. */
  precisions: readonly Precision[];
  /** What is filled. */
  report: Report;
  /** What is wrong by the definition, by layer. */
  problems: Map<string, string>;
}

interface Task {
  name: string;
  run(): Promise<void>;
}

/** Milliseconds that a sample takes at least. */
const minSampleMs = 5;

/** Sizes of images are rarely those of the network. */
const imageScale = 1.5;

/**
 * Measures what the settings ask for. Wrong results are errors in the report's rows.
 * @throws DBNetError `no-webgpu`, `device-lost`; Error where the settings cannot be met; the signal's reason.
 */
export async function runBenchmark(
  host: Host,
  settings: BenchSettings,
  { onProgress, onReport, signal }: RunOptions = {},
): Promise<Report> {
  const device = await openBenchDevice(host.gpu);
  try {
    const run = await prepareRun(host, settings, device, signal);
    const tasks = tasksOf(run);
    for (const [i, task] of tasks.entries()) {
      signal?.throwIfAborted();
      onProgress?.(i, tasks.length, task.name);
      await task.run();
      onReport?.(run.report);
    }
    onProgress?.(tasks.length, tasks.length, 'done');
    run.timer.destroy();
    return run.report;
  } finally {
    device.close();
  }
}

/** Names of what a run would measure. */
export async function listTasks(host: Host, settings: BenchSettings): Promise<string[]> {
  const device = await openBenchDevice(host.gpu);
  try {
    return [
      ...chooseCases(settings, settings.precisions, device, host.customKernels).map(caseTitle),
      ...chooseMeasurements(settings).map(({ name }) => name),
    ];
  } finally {
    device.close();
  }
}

async function prepareRun(
  host: Host,
  settings: BenchSettings,
  device: BenchDevice,
  signal: AbortSignal | undefined,
): Promise<BenchRun> {
  const { context, f16, features } = device;
  const precisions = settings.precisions.filter((precision) => precision === 'f32' || f16);
  if (precisions.length === 0) {
    const offered = features.includes('shader-f16')
      ? 'offered, but a small shader is refused'
      : 'not offered';
    throw new Error(
      `this adapter does not compile f16 shaders (shader-f16 is ${offered}): use --precision f32`,
    );
  }
  const method = settings.timer === 'auto' ? undefined : settings.timer;
  const timer = await Timer.open(context, { method, minSampleMs });
  const effort = effortOf(settings, context.software);
  const report: Report = {
    format: reportFormat,
    schemaVersion,
    date: new Date().toISOString(),
    environment: {
      ...host.environment,
      adapter: device.adapterInfo,
      isFallbackAdapter: device.isFallbackAdapter,
      software: context.software,
      features,
      f16,
      timer: { method: timer.method, quantumNs: timer.stepNs, fenceFloorMs: timer.fenceMs },
    },
    settings: {
      quick: settings.quick,
      filter: settings.filter,
      sizes: effort.sizes.map(sizeName),
      precisions,
      samples: effort.samples,
    },
    roofline: { f32GFlops: null, f16GFlops: null, copyGBs: null },
    kernels: [],
    layers: [],
    metrics: [],
  };
  let network: Promise<Network> | undefined;
  return {
    settings,
    precisions,
    report,
    problems: new Map(),
    host,
    device,
    context,
    pipelines: new PipelineCache(context),
    timer,
    roofline: report.roofline,
    effort,
    sampling: { ...effort, signal },
    quick: settings.quick,
    network: () => {
      network ??= loadNetwork(host.weights);
      return network;
    },
    signal,
  };
}

function tasksOf(run: BenchRun): Task[] {
  const { settings, device, precisions, host, context } = run;
  const cases = chooseCases(settings, precisions, device, host.customKernels);
  const measured = chooseMeasurements(settings);
  // All shares are of the roofs, so those come first. The CPU's work has no use for them.
  const needsRoofs = cases.length > 0 || measured.some(({ group }) => group !== 'cpu');
  const roofs = rooflineCases(context, device.f16 ? ['f32', 'f16'] : ['f32']);
  const checked = precisions.filter((precision) =>
    cases.some((entry) => entry.precision === precision && entry.layers.length > 0),
  );
  return [
    ...(needsRoofs ? roofs : []).map((entry) => ({
      name: `roofline ${caseTitle(entry)}`,
      run: () => measureRoof(run, entry),
    })),
    ...checked.map((precision) => ({
      name: `layers against their definition ${precision}`,
      run: () => checkLayers(run, precision),
    })),
    ...cases.map((entry) => ({
      name: caseTitle(entry),
      run: async () => void (await measureCase(run, entry)),
    })),
    ...measured.flatMap((one) => measurementTasks(run, one)),
  ];
}

const caseTitle = ({ name, precision, size }: Case) =>
  [name, precision, size && `(in ${size})`].filter(Boolean).join(' ');

function chooseCases(
  settings: BenchSettings,
  precisions: readonly Precision[],
  { context }: BenchDevice,
  customKernels: readonly CustomKernel[],
): Case[] {
  const { quick, filter } = settings;
  const { sizes, graphs, menu } = effortOf(settings, context.software);
  const all = precisions.flatMap((precision) => {
    const { choice } = defaultForm(context, precision);
    return [
      ...sizes.flatMap((size) => networkCases(size, graphs, { context, choice, menu, customKernels })),
      ...(quick && filter === '' ? [] : [convLadder(precision, context)]),
    ];
  });
  return all.filter(({ name, group }) => matches(filter, group, name));
}

const chooseMeasurements = ({ filter, quick }: BenchSettings): Measurement[] =>
  measurements.filter(
    (one) => matches(filter, one.group, one.name) && (one.quick || !quick || filter !== ''),
  );

/** Layers that are wrong make errors of the rows of their kernels. */
async function checkLayers(run: BenchRun, precision: Precision): Promise<void> {
  const form = { outputs: 'PTB' as const, ...defaultForm(run.context, precision) };
  const forms = run.effort.graphs === 'both' ? [form, { ...form, fusions: [] }] : [form];
  for (const one of forms) {
    for (const [layer, problem] of await wrongLayersOf(run.context, await run.network(), one)) {
      run.problems.set(`${precision} ${layer}`, `wrong by its definition: ${problem}`);
    }
  }
}

/** Runs a case and adds its rows to the report. */
async function measureCase(run: BenchRun, entry: Case): Promise<KernelRow[]> {
  const { context, effort, sampling, report, problems } = run;
  const upload = new ImageUpload(context);
  try {
    const wrong = entry.layers.find((layer) => problems.has(`${entry.precision} ${layer}`));
    const rows = await runCase(entry, {
      ...sampling,
      ...run,
      problem: wrong && problems.get(`${entry.precision} ${wrong}`),
      // Roofs have nothing to rotate: their data is either in registers or larger than the caches.
      coldFootprint: entry.group === 'roofline' ? 0 : effort.coldFootprint,
      image: () => imageResources(upload, entry.size!),
    });
    report.kernels.push(...rows);
    return rows;
  } finally {
    upload.destroy();
  }
}

/** What preprocessing reads: a picture of another size than the network's. */
function imageResources(upload: ImageUpload, name: string): Map<string, GPUBindingResource> {
  const [width, height] = name.split('x').map(Number);
  const picture = drawPicture(width * imageScale, height * imageScale);
  return new Map(
    [...upload.upload({ kind: 'pixels', ...picture }, { width, height })].map(([binding, value]) => [
      binding,
      'size' in value && !('buffer' in value) ? { buffer: value } : value,
    ]),
  );
}

async function measureRoof(run: BenchRun, entry: Case): Promise<void> {
  const rows = await measureCase(run, entry);
  const best = rows.find(({ isBest }) => isBest);
  const { roofline } = run.report;
  if (entry.name === 'copy') roofline.copyGBs = best?.gbs ?? null;
  else roofline[`${entry.precision}GFlops`] = best?.gflops ?? null;
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
  turn: { size: Size; precision: Precision },
): Promise<void> {
  try {
    const { metrics = [], layers = [] } = await one.run({ ...run, ...turn });
    run.report.metrics.push(...metrics);
    run.report.layers.push(...layers);
  } catch (error) {
    if (run.signal?.aborted || run.context.lost) throw error;
    const message = messageOf(error);
    run.report.metrics.push(failedMetric(one.perSize ? turn : {}, one.name, 'ms', message));
  }
}
