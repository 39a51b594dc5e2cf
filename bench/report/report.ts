/** @file What a run of the benchmark gives: plain data, written as JSON and as tables. */

import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Roofline } from '../../src/tuning/roofline.ts';
import type { Summary, TimerMethod } from '../../src/tuning/timing.ts';

export const reportFormat = 'dbnet-webgpu-bench';
/** Grows with every change that older readers would misunderstand. */
export const schemaVersion = 1;

export interface Report {
  format: typeof reportFormat;
  schemaVersion: typeof schemaVersion;
  /** ISO 8601, UTC. */
  date: string;
  environment: Environment;
  settings: Settings;
  roofline: Roofline;
  kernels: KernelRow[];
  layers: LayerRow[];
  metrics: MetricRow[];
}

export interface Environment {
  /** Version of dbnet-webgpu. */
  library: string;
  /** `node`, `deno`, or a browser's name. */
  runtime: string;
  runtimeVersion: string;
  /** The WebGPU implementation, where it is a package of its own. */
  webgpu: string | null;
  userAgent: string | null;
  os: string;
  cpu: string | null;
  /** Logical processors. */
  threads: number;
  /** Flags that change what is measured. */
  flags: string[];
  /** What the adapter states of itself, the driver among it where it is told. */
  adapter: Record<string, string | number | boolean>;
  isFallbackAdapter: boolean;
  /** True where shaders run on the CPU. Such times are never compared with those of a GPU. */
  software: boolean;
  features: string[];
  /** True where f16 shaders compile. */
  f16: boolean;
  timer: {
    method: TimerMethod;
    /** Step of the GPU's clock as seen, nanoseconds; null without timestamps. */
    quantumNs: number | null;
    /** What an empty submit and its fence take, milliseconds. */
    fenceFloorMs: number;
  };
}

export interface Settings {
  quick: boolean;
  filter: string;
  sizes: string[];
  precisions: Precision[];
  /** Samples that were asked for; each row says how many it has. */
  samples: number;
}

/** One variant of a case, hot (the same buffers each time) or cold (inputs rotated through more than the caches). */
export interface KernelRow {
  case: string;
  group: string;
  /** Size of the network's input, or null. */
  size: string | null;
  precision: Precision;
  /** Layers of the network that are this case. */
  layers: string[];
  variant: string;
  isDefault: boolean;
  isBest: boolean;
  /** True where it belongs into a short table even if it is neither. */
  showAlways: boolean;
  mode: 'hot' | 'cold';
  /** Executed, per dispatch; a multiply-add counts as two. */
  flops: number;
  /** Each input read once, each output written once. */
  bytes: number;
  /** Null where there is an error. */
  ms: Summary | null;
  /** Dispatches in one sample. */
  repetitions: number | null;
  gflops: number | null;
  gbs: number | null;
  /** Part of what the roofline allows at this ratio of work to traffic: 1 is the roof. */
  roofline: number | null;
  bound: 'compute' | 'memory' | null;
  error: string | null;
}

/** One dispatch of a frame, in its place in the network. */
export interface LayerRow {
  size: string;
  precision: Precision;
  index: number;
  layer: string;
  /** `frame`: timestamps around each dispatch of a frame; `repeated`: each dispatch by itself, many times. */
  method: 'frame' | 'repeated';
  ms: Summary;
  flops: number;
  bytes: number;
  gflops: number;
  gbs: number;
  roofline: number | null;
  bound: 'compute' | 'memory' | null;
}

/** Anything else: a number with its unit. */
export interface MetricRow {
  /** `network GPU time P+T+B`, `detect latency`, ... */
  name: string;
  /** Size of the network's input, or null. */
  size: string | null;
  precision: Precision | null;
  unit: 'ms' | 'frames/s' | 'GMAC' | 'GFLOP/s' | 'MB' | 'bytes' | 'count' | 'ratio';
  /** Null where there is an error. */
  value: Summary | null;
  better: 'lower' | 'higher';
  note: string | null;
  error: string | null;
}

/** Rows with errors: wrong results, shaders that were refused. */
export function errorsOf({ kernels, metrics }: Report): string[] {
  return [
    ...kernels.filter(({ error }) => error).map((row) => `${row.case}, ${row.variant}: ${row.error}`),
    ...metrics.filter(({ error }) => error).map((row) => `${row.name}: ${row.error}`),
  ];
}
