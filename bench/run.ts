/** @file A run of the benchmark, the same in Node, Deno and a page: a host and settings in, a report out. */

import { PipelineCache } from '../src/runtime/pipelines.ts';
import type { Host } from './host/host.ts';
import { loadNetwork, type Network } from './network/load-network.ts';
import { type Report, reportFormat, schemaVersion } from './report/report.ts';
import { type BenchSettings, effortOf, sizeName } from './settings.ts';
import { type BenchRun, taskNames, tasksOf } from './tasks.ts';
import { type BenchDevice, openBenchDevice } from './timing/bench-device.ts';
import { createTimer } from './timing/timer.ts';

export interface RunOptions {
  /** Called before each piece of work. */
  onProgress?: (done: number, total: number, label: string) => void;
  /** Called with the report as it stands after each piece of work. */
  onReport?: (report: Report) => void;
  signal?: AbortSignal;
}

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
    return taskNames(settings, device, host.customKernels);
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
  const { timer, description } = await createTimer(device, settings.timer);
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
      timer: description,
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
    host,
    device,
    context,
    pipelines: new PipelineCache(context),
    timer,
    clock: description,
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
