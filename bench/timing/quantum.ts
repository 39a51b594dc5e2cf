/** @file The step of the GPU's clock, found from timestamps themselves. */

import type { TimestampReader } from './timestamps.ts';

/** Passes whose timestamps are looked at. */
const passes = 16;

/** What is assumed where the timestamps do not differ at all: Chrome's rounding. */
const coarsest = 65_536;

/** The step of the timestamps of a device, nanoseconds. */
export async function clockStep(device: GPUDevice, reader: TimestampReader): Promise<number> {
  const stamps: bigint[] = [];
  for (let i = 0; i < passes; i++) {
    const encoder = device.createCommandEncoder();
    encoder.beginComputePass({ timestampWrites: reader.writes(0) }).end();
    stamps.push(...(await reader.read(encoder)));
  }
  return stepOf(stamps);
}

/**
 * The largest step of which all differences are multiples. Few timestamps may make it too large, which only makes
 * samples longer than they need be. Clocks with a step that is no whole number come out as 1, which is as harmless:
 * such steps are below a microsecond.
 */
export function stepOf(stamps: readonly bigint[]): number {
  let step = 0n;
  for (const stamp of stamps.slice(1)) {
    const difference = stamp > stamps[0] ? stamp - stamps[0] : stamps[0] - stamp;
    step = greatestCommonDivisor(step, difference);
  }
  return step === 0n ? coarsest : Number(step);
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [larger, smaller] = [a, b];
  while (smaller > 0n) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}
