/** @file Batch norm in training: statistics, forwards, and back. */

import { batchNormEpsilon } from '../../graph/batch-norm.ts';
import {
  type BatchNormMode,
  batchNormBackward,
  batchNormCombine,
  batchNormForward,
  batchNormStatistics,
  batchNormSums,
  reluBackward,
} from '../../kernels/train/batch-norm.ts';
import { pixelSlices, sumSlices } from '../../kernels/train/slices.ts';
import type { Recorder } from '../plan/recorder.ts';
import { batchStatistics, gradientOf, parameter, runningStatistics } from '../plan/resources.ts';

export interface BatchNorm {
  /** Name of the output. */
  output: string;
  input: string;
  /** Slot of weight and bias, and of mean and variance. */
  norm: string;
  channels: number;
  mode: BatchNormMode;
  relu: boolean;
  /** Tensor that is added before the ReLU. */
  residual?: string;
}

/** Records `output` = the norm of `input`, a tensor `[pixels, channels]`. */
export function recordBatchNorm(recorder: Recorder, batchNorm: BatchNorm): void {
  const { output, input, norm, channels, mode, relu, residual } = batchNorm;
  const count = recorder.count(input);
  const shape = { label: norm, pixels: count / channels, channels, epsilon: batchNormEpsilon };
  const slices = pixelSlices(shape.pixels);
  const statistics = mode === 'batch' ? batchStatistics(norm) : runningStatistics(norm);
  if (mode === 'batch') {
    const partial = recorder.tensor(`${norm}, statistics in slices`, slices * 2 * channels);
    recorder.step(batchNormStatistics(shape), [input, partial]);
    recorder.step(batchNormCombine(shape), [partial, statistics]);
  }
  recorder.tensor(output, count);
  recorder.step(batchNormForward({ ...shape, mode, relu, residual: residual !== undefined }), [
    input,
    statistics,
    parameter(norm),
    ...(residual === undefined ? [] : [residual]),
    output,
  ]);
  recorder.onBackward(() => {
    let gradient = recorder.gradient(output);
    // The shortcut gets what the ReLU lets through, and so does the norm.
    let fused = relu;
    if (residual !== undefined) {
      if (relu) {
        const through = recorder.tensor(`${gradient}, rectified`, count);
        recorder.step(reluBackward({ label: through, count }), [gradient, output, through]);
        gradient = through;
        fused = false;
      }
      recorder.setGradient(residual, gradient);
    }
    const form = { ...shape, mode, relu: fused };
    const read = [gradient, ...(fused ? [output] : [])];
    const partial = recorder.tensor(`gradient of ${norm}, in slices`, slices * 2 * channels);
    recorder.step(batchNormSums(form), [...read, input, statistics, partial]);
    recorder.step(sumSlices({ label: `gradient of ${norm}`, slices, count: 2 * channels }), [
      partial,
      gradientOf(norm),
    ]);
    recorder.addGradient(input, (into) =>
      recorder.step(
        batchNormBackward(form),
        mode === 'batch'
          ? [...read, input, statistics, parameter(norm), gradientOf(norm), into]
          : [...read, statistics, parameter(norm), into],
      ),
    );
  });
}
