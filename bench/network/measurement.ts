/** @file What a measurement of the whole network is given, and what it gives. */

import { TextDetector } from '../../src/detect/detector.ts';
import type { GpuContext } from '../../src/gpu/device.ts';
import type { PipelineCache } from '../../src/gpu/pipelines.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Size } from '../../src/size.ts';
import type { Roofline } from '../../src/tuning/roofline.ts';
import { type Summary, summarize, type Timer, type TurnOptions } from '../../src/tuning/timing.ts';
import type { BenchDevice } from '../device.ts';
import type { Host } from '../host/host.ts';
import type { LayerRow, MetricRow } from '../report/report.ts';
import { type Effort, sizeName } from '../settings.ts';
import type { Network } from './network.ts';

export interface MeasurementContext {
  host: Host;
  device: BenchDevice;
  context: GpuContext;
  pipelines: PipelineCache;
  timer: Timer;
  roofline: Roofline;
  effort: Effort;
  sampling: TurnOptions;
  quick: boolean;
  /** Of this measurement's turn: it runs once for each size and precision. */
  size: Size;
  precision: Precision;
  network(): Promise<Network>;
  signal?: AbortSignal;
}

export interface Findings {
  metrics?: MetricRow[];
  layers?: LayerRow[];
}

export interface Measurement {
  /** `network GPU time`, `cpu detect`, ... */
  name: string;
  group: 'network' | 'cpu';
  /** False where `--quick` leaves it out unless the filter names it. */
  quick: boolean;
  /** False where it does not depend on size and precision: it runs once. */
  perSize: boolean;
  run(context: MeasurementContext): Promise<Findings>;
}

/** A metric row; `values` are samples or one number. */
export function metric(
  { size, precision }: { size?: Size; precision?: Precision | null },
  name: string,
  unit: MetricRow['unit'],
  values: number | readonly number[] | Summary,
  { better = 'lower', note = null }: Partial<Pick<MetricRow, 'better' | 'note'>> = {},
): MetricRow {
  return {
    name,
    size: size ? sizeName(size) : null,
    precision: precision ?? null,
    unit,
    value: toSummary(values),
    better,
    note,
    error: null,
  };
}

const toSummary = (values: number | readonly number[] | Summary): Summary =>
  typeof values === 'object' && 'median' in values ? values : summarize([values].flat());

/** The row of a metric that could not be had. */
export function failedMetric(
  { size, precision }: { size?: Size; precision?: Precision },
  name: string,
  unit: MetricRow['unit'],
  error: string,
): MetricRow {
  return { ...metric({ size, precision }, name, unit, 0), value: null, error };
}

/** The detector as a user opens it, but without what was tuned earlier, so that runs can be compared. */
export const openDetector = ({ weights, gpu }: Host, precision: Precision): Promise<TextDetector> =>
  TextDetector.create({ weights, gpu, precision, tune: 'off' });
