/** @file What training knows of an operation: its parameters' place in the flat arrays, and the way forwards and back. */

import type { OperationRecord, ShapeOf } from '../../graph/operation.ts';
import type { BatchNormMode } from '../../kernels/train/batch-norm.ts';
import type { Recorder } from '../plan/recorder.ts';
import type { TrainingChoice } from './convolution.ts';

export interface TrainingContext {
  /** Images. */
  batch: number;
  batchNorm: BatchNormMode;
  choice: TrainingChoice;
  /** Shapes of one image's tensors. */
  shapeOf: ShapeOf;
}

export interface TrainedOperation<O extends OperationRecord> {
  /** What keeps an operation from being trained, in words as they follow "found"; undefined where nothing does. */
  obstacle?(operation: O): string | undefined;
  /** Parameters that are trained, those that stand together in one slot. */
  slots?(operation: O): readonly SlotParameters[];
  /** Its batch norms: prefix and channels. */
  norms?(operation: O): readonly (readonly [prefix: string, channels: number])[];
  /** Records the way forwards, and what is to be done on the way back. */
  record(recorder: Recorder, operation: O, context: TrainingContext): void;
}

/** One parameter as PyTorch names and shapes it. */
export interface ParameterPlace {
  name: string;
  shape: readonly number[];
  /** For each element in PyTorch's order, where it stands behind the parameter's first. */
  place: (index: number) => number;
}

/** Parameters that stand together in one slot, one after the other. */
export interface SlotParameters {
  name: string;
  /** Elements. */
  count: number;
  parameters: readonly ParameterPlace[];
}

export const inOrder = (index: number): number => index;

/** The two vectors of a norm, as PyTorch names them. */
const pair = (prefix: string, channels: number, names: readonly [string, string]): SlotParameters => ({
  name: prefix,
  count: 2 * channels,
  parameters: names.map((name) => ({ name: `${prefix}.${name}`, shape: [channels], place: inOrder })),
});

/** Scale and shift of a norm. */
export const normSlot = (prefix: string, channels: number): SlotParameters =>
  pair(prefix, channels, ['weight', 'bias']);

/** Running mean and variance of a norm. */
export const statisticsSlot = (prefix: string, channels: number): SlotParameters =>
  pair(prefix, channels, ['running_mean', 'running_var']);
