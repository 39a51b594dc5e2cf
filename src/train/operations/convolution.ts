/** @file A convolution in training: forwards, the gradient of its weights, the gradient of its input. */

import { type Conv2d, conv2d } from '../../kernels/conv2d.ts';
import { vectorsOf } from '../../kernels/kernel.ts';
import type { Tile } from '../../kernels/tile.ts';
import {
  type Conv2dWeightGradient,
  conv2dWeightGradient,
  weightGradientThreads,
} from '../../kernels/train/conv2d-weight-gradient.ts';
import { sumSlices } from '../../kernels/train/slices.ts';
import { transposeWeights } from '../../kernels/train/transpose-weights.ts';
import type { Recorder } from '../plan/recorder.ts';
import { gradientOf, parameter } from '../plan/resources.ts';

/** How kernels are cut into work on this adapter. */
export interface TrainingChoice {
  tile: (conv: Conv2d) => Tile;
  /** Threads that keep the adapter busy: sums over pixels are cut into slices until there are so many. */
  threads: number;
}

/** A convolution of `input` `[batch, height, width, channels]` with the weights of a parameter. */
export interface Convolution {
  /** Name of the output. */
  output: string;
  input: string;
  /** Slot of the weights. */
  weight: string;
  /** Tensor of as many elements as output channels, or none. */
  bias?: string;
  batch: number;
  height: number;
  width: number;
  channels: number;
  outChannels: number;
  kernel: number;
  stride: number;
  /** True if the input's gradient is wanted: false for the image. */
  inputGradient: boolean;
}

/** Bytes that the slices of one weight gradient may take together. */
const mostSliceBytes = 32 << 20;

/** Records `output` = convolution of `input`; its shape is `[batch, height / stride, width / stride, outChannels]`. */
export function recordConvolution(
  recorder: Recorder,
  convolution: Convolution,
  choice: TrainingChoice,
): void {
  const { output, input, weight, bias, batch, height, width, channels, outChannels, kernel, stride } =
    convolution;
  const outHeight = height / stride;
  const outWidth = width / stride;
  const padding = (kernel - 1) / 2;
  const conv: Conv2d = {
    label: weight,
    sources: [
      {
        ...{ height, width, channels, kernel, stride },
        padding: { top: padding, left: padding },
      },
    ],
    outHeight,
    outWidth,
    outChannels,
    bias: bias !== undefined,
    residuals: [],
    activation: 'none',
    batch,
  };
  recorder.tensor(output, batch * outHeight * outWidth * outChannels);
  recorder.step(conv2d(conv, { tile: choice.tile(conv), precision: 'f32' }), [
    input,
    parameter(weight),
    ...(bias === undefined ? [] : [bias]),
    output,
  ]);
  recorder.onBackward(() => {
    const gradient = recorder.gradient(output);
    recordWeightGradient(
      recorder,
      {
        ...{ batch, height, width, kernel, stride, padding, outHeight, outWidth, outChannels },
        // As they are stored.
        channels: 4 * vectorsOf(channels),
      },
      { input, gradient, weight },
      choice,
    );
    if (convolution.inputGradient) recordInputGradient(recorder, convolution, gradient, choice);
  });
}

function recordWeightGradient(
  recorder: Recorder,
  shape: Omit<Conv2dWeightGradient, 'label' | 'slices'>,
  { input, gradient, weight }: { input: string; gradient: string; weight: string },
  { threads }: TrainingChoice,
): void {
  const label = `gradient of ${weight}`;
  const one: Conv2dWeightGradient = { label, ...shape, slices: 1 };
  const count = shape.kernel ** 2 * shape.channels * shape.outChannels;
  const slices = Math.max(
    1,
    Math.min(
      Math.ceil(threads / weightGradientThreads(one)),
      shape.batch * shape.outHeight,
      Math.floor(mostSliceBytes / (4 * count)),
    ),
  );
  const kernel = conv2dWeightGradient({ ...one, slices });
  if (slices === 1) {
    recorder.step(kernel, [input, gradient, gradientOf(weight)]);
    return;
  }
  const partial = recorder.tensor(`${label}, in slices`, slices * count);
  recorder.step(kernel, [input, gradient, partial]);
  recorder.step(sumSlices({ label, slices, count }), [partial, gradientOf(weight)]);
}

/** The gradient of the input is a convolution of the gradient of the output, zeros between its pixels if strided. */
function recordInputGradient(
  recorder: Recorder,
  { input, weight, batch, height, width, channels, outChannels, kernel, stride }: Convolution,
  gradient: string,
  choice: TrainingChoice,
): void {
  const taps = kernel * kernel;
  const transposed = recorder.tensor(`${weight}, transposed`, taps * channels * outChannels);
  recorder.step(transposeWeights({ label: transposed, taps, channels, outChannels }), [
    parameter(weight),
    transposed,
  ]);
  recorder.addGradient(input, (output, previous) => {
    const conv: Conv2d = {
      label: output,
      sources: [
        {
          height: height / stride,
          width: width / stride,
          channels: outChannels,
          kernel,
          stride: 1,
          padding: { top: (kernel - 1) / 2, left: (kernel - 1) / 2 },
          fractionalStride: stride === 2 ? 2 : 1,
        },
      ],
      outHeight: height,
      outWidth: width,
      outChannels: channels,
      bias: false,
      residuals: previous === undefined ? [] : [{ kind: 'same' }],
      activation: 'none',
      batch,
    };
    recorder.step(conv2d(conv, { tile: choice.tile(conv), precision: 'f32' }), [
      gradient,
      transposed,
      ...(previous === undefined ? [] : [previous]),
      output,
    ]);
  });
}
