/** @file What a timer is, and which one a device gets. */

import type { BenchDevice } from './bench-device.ts';
import { measureFenceFloor, SlopeTimer } from './slope-timer.ts';
import { TimestampTimer } from './timestamp-timer.ts';

/** GPU work that can be repeated any number of times in one compute pass. */
export interface Work {
  label: string;
  /** Encodes it `repetitions` times. */
  encode(pass: GPUComputePassEncoder, repetitions: number): void;
}

export interface Timer {
  method: TimerMethod;
  /** How many repetitions make one sample long enough to be trusted; also warms up. */
  calibrate(work: Work): Promise<number>;
  /** Milliseconds of one repetition, from one sample; undefined where the sample is none. */
  sample(work: Work, repetitions: number): Promise<number | undefined>;
  destroy(): void;
}

export type TimerMethod = 'timestamp' | 'slope';

/** How times are taken, for the report. */
export interface TimerDescription {
  method: TimerMethod;
  /** Step of the GPU's clock as seen, nanoseconds; null without timestamps. */
  quantumNs: number | null;
  /** What an empty submit and its fence take, milliseconds. */
  fenceFloorMs: number;
}

/** A sample must be longer than this, milliseconds... */
export const minSampleMs = 5;
/** ...than so many steps of the clock... */
export const minQuanta = 100;
/** ...and, without timestamps, than so many times the fence's floor. */
export const minFloors = 10;

/** No kernel needs more repetitions in one pass. */
export const maxRepetitions = 1 << 16;

/**
 * The timer for a device: timestamps where there are any, else the slope method.
 * @throws Error where timestamps are asked for and the device has none.
 */
export async function createTimer(
  device: BenchDevice,
  wanted: TimerMethod | 'auto',
): Promise<{ timer: Timer; description: TimerDescription }> {
  if (wanted === 'timestamp' && !device.timestamps) {
    throw new Error(
      "this adapter has no timestamp queries: use --timer slope, or leave the choice to 'auto'",
    );
  }
  const gpu = device.context.device;
  const fenceFloorMs = await measureFenceFloor(gpu);
  if (wanted === 'slope' || !device.timestamps) {
    const timer = new SlopeTimer(gpu, fenceFloorMs);
    return { timer, description: { method: 'slope', quantumNs: null, fenceFloorMs } };
  }
  const timer = await TimestampTimer.create(gpu);
  return { timer, description: { method: 'timestamp', quantumNs: timer.quantumNs, fenceFloorMs } };
}
