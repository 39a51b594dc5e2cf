/** @file Tensors as they are stored, channels in whole vec4s, and as references know them. */

import { vectorsOf } from '../../src/kernels/kernel.ts';
import { assertClose } from './assert.ts';

export interface Layout {
  height: number;
  width: number;
  channels: number;
}

/** Channels as stored. */
export const stored = (channels: number): number => 4 * vectorsOf(channels);

/** A stored tensor without the lanes that carry no data. */
export const withoutLanes = (values: ArrayLike<number>, channels: number): Float64Array =>
  Float64Array.from(values).filter((_, i) => i % stored(channels) < channels);

/** The lanes that carry no data set to zero, in place. */
export function zeroLanes<T extends Float32Array>(values: T, channels: number): T {
  for (let i = 0; i < values.length; i++) if (i % stored(channels) >= channels) values[i] = 0;
  return values;
}

/** Throws unless the lanes that carry no data are zero. */
export function assertLanes(output: Float32Array, channels: number, what: string): void {
  const lanes = output.filter((_, i) => i % stored(channels) >= channels);
  assertClose(lanes, new Float32Array(lanes.length), 0, `${what}: lanes that carry no data`);
}
