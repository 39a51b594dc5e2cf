/** @file The network in training, layer by layer, from the same list that inference starts from; forwards and back. */

import type { ConvEntry, Entry, HeadEntry } from '../../graph/dbnet.ts';
import { maxPool } from '../../kernels/max-pool.ts';
import type { BatchNormMode } from '../../kernels/training/batch-norm.ts';
import { blocksToImage, imageToBlocks } from '../../kernels/training/blocks-to-image.ts';
import { maxPoolBackward } from '../../kernels/training/max-pool-backward.ts';
import { repeatVector } from '../../kernels/training/repeat-vector.ts';
import { pixelSums, sumSlices } from '../../kernels/training/slices.ts';
import { upsampleBackward } from '../../kernels/training/upsample-backward.ts';
import { upsampleAdd } from '../../kernels/upsample-add.ts';
import { upsampleConcat } from '../../kernels/upsample-concat.ts';
import { recordBatchNorm } from './record-batch-norm.ts';
import { recordConvolution, type TrainingChoice } from './record-convolution.ts';
import type { Recorder } from './recorder.ts';
import { gradientOf, parameter } from './resources.ts';

export interface NetworkOptions {
  batch: number;
  /** Size of the images, multiples of 32. */
  height: number;
  width: number;
  batchNorm: BatchNormMode;
  choice: TrainingChoice;
}

interface Size {
  height: number;
  width: number;
  channels: number;
}

const precision = { precision: 'f32' } as const;

/**
 * Records the network from the tensor `image` (`[batch, height, width, 4]`, normalised) to `logits`
 * (`[2, batch, height, width]`: of P, of T).
 */
export function recordNetwork(recorder: Recorder, entries: readonly Entry[], options: NetworkOptions): void {
  const { batch, height, width } = options;
  const sizes = new Map<string, Size>([['image', { height, width, channels: 4 }]]);
  const sizeOf = (tensor: string): Size => sizes.get(tensor)!;
  for (const entry of entries) {
    switch (entry.op) {
      case 'conv2d':
        sizes.set(entry.output, recordConvEntry(recorder, entry, sizeOf(entry.input), options));
        break;
      case 'maxPool':
        sizes.set(entry.output, recordMaxPool(recorder, entry, sizeOf(entry.input), batch));
        break;
      case 'upsampleAdd':
        recordUpsampleAdd(recorder, entry, sizeOf(entry.lateral), batch);
        sizes.set(entry.output, sizeOf(entry.lateral));
        break;
      case 'upsampleConcat':
        sizes.set(entry.output, recordConcat(recorder, entry, entry.inputs.map(sizeOf), batch));
        break;
      case 'dbHead':
        recordHeads(recorder, entry, sizeOf(entry.heads[0].input), options);
        break;
    }
  }
}

function recordConvEntry(
  recorder: Recorder,
  entry: ConvEntry,
  { height, width, channels }: Size,
  { batch, batchNorm, choice }: NetworkOptions,
): Size {
  const { output, input, weight, norm, outChannels, kernel, stride, relu, residual } = entry;
  const convolved = norm === undefined ? output : `${output}, convolved`;
  const inputGradient = input !== 'image';
  recordConvolution(
    recorder,
    {
      output: convolved,
      input,
      weight,
      batch,
      height,
      width,
      channels,
      outChannels,
      kernel,
      stride,
      inputGradient,
    },
    choice,
  );
  if (norm !== undefined) {
    const channels = outChannels;
    recordBatchNorm(recorder, { output, input: convolved, norm, channels, mode: batchNorm, relu, residual });
  }
  return { height: height / stride, width: width / stride, channels: outChannels };
}

function recordMaxPool(
  recorder: Recorder,
  { output, input }: { output: string; input: string },
  { height, width, channels }: Size,
  batch: number,
): Size {
  const shape = { label: output, batch, height, width, channels };
  recorder.tensor(output, recorder.count(input) / 4);
  recorder.step(maxPool(shape, precision), [input, output]);
  recorder.onBackward(() =>
    recorder.addGradient(input, (into) =>
      recorder.step(maxPoolBackward({ ...shape, label: into }), [input, recorder.gradient(output), into]),
    ),
  );
  return { height: height / 2, width: width / 2, channels };
}

function recordUpsampleAdd(
  recorder: Recorder,
  { output, lateral, top }: { output: string; lateral: string; top: string },
  { height, width, channels }: Size,
  batch: number,
): void {
  recorder.tensor(output, recorder.count(lateral));
  // The rows of all images, one after the other: heights are even, so that none mixes two images.
  recorder.step(upsampleAdd({ label: output, height: batch * height, width, channels }, precision), [
    lateral,
    top,
    output,
  ]);
  recorder.onBackward(() => {
    const gradient = recorder.gradient(output);
    recorder.setGradient(lateral, gradient);
    recordUpsampleGradient(recorder, top, gradient, {
      batch,
      height: height / 2,
      width: width / 2,
      channels,
      scale: 2,
      gradientChannels: channels,
      offset: 0,
    });
  });
}

function recordConcat(
  recorder: Recorder,
  { output, inputs, scales }: { output: string; inputs: readonly string[]; scales: readonly number[] },
  sizes: readonly Size[],
  batch: number,
): Size {
  const [{ channels }] = sizes;
  const height = sizes[0].height * scales[0];
  const width = sizes[0].width * scales[0];
  const all = channels * inputs.length;
  recorder.tensor(output, batch * height * width * all);
  recorder.step(
    upsampleConcat({ label: output, height: batch * height, width, channels, scales }, precision),
    [...inputs, output],
  );
  recorder.onBackward(() => {
    for (const [i, input] of inputs.entries()) {
      recordUpsampleGradient(recorder, input, recorder.gradient(output), {
        batch,
        ...sizes[i],
        scale: scales[i],
        gradientChannels: all,
        offset: i * channels,
      });
    }
  });
  return { height, width, channels: all };
}

/** Adds to the gradient of what was upsampled. */
function recordUpsampleGradient(
  recorder: Recorder,
  tensor: string,
  gradient: string,
  shape: Omit<Parameters<typeof upsampleBackward>[0], 'label' | 'accumulate'>,
): void {
  recorder.addGradient(tensor, (output, previous) =>
    recorder.step(upsampleBackward({ label: output, ...shape, accumulate: previous !== undefined }), [
      gradient,
      ...(previous === undefined ? [] : [previous]),
      output,
    ]),
  );
}

/** The tails of both heads: transposed convolution, norm, ReLU, transposed convolution. */
function recordHeads(
  recorder: Recorder,
  { heads, channels }: HeadEntry,
  { height, width }: Size,
  options: NetworkOptions,
): void {
  const { batch, batchNorm, choice } = options;
  const tails = heads.map(({ prefix, input }) => {
    recordTransposed(recorder, `${prefix}.3`, input, { height, width, channels }, channels, options, choice);
    const hidden = `${prefix}.4, rectified`;
    recordBatchNorm(recorder, {
      output: hidden,
      input: `${prefix}.3`,
      norm: `${prefix}.4`,
      channels,
      mode: batchNorm,
      relu: true,
    });
    // Each pixel has become four, one after the other: for a 1x1 convolution as good as four rows.
    recordTransposed(
      recorder,
      `${prefix}.6`,
      hidden,
      { height: 4 * height, width, channels },
      1,
      options,
      choice,
    );
    return `${prefix}.6`;
  });
  const image = { label: 'logits', batch, height: 4 * height, width: 4 * width };
  recorder.tensor('logits', tails.length * batch * image.height * image.width);
  recorder.step(blocksToImage(image, tails.length), [...tails, 'logits']);
  recorder.onBackward(() => {
    const gradients = tails.map((tail) => recorder.tensor(`gradient of ${tail}`, recorder.count(tail)));
    recorder.step(imageToBlocks({ ...image, label: 'gradient of logits' }, tails.length), [
      recorder.gradient('logits'),
      ...gradients,
    ]);
    for (const [i, tail] of tails.entries()) recorder.setGradient(tail, gradients[i]);
  });
}

/** A transposed convolution 2x2 with stride 2 and a bias, as a 1x1 convolution to its four taps. */
function recordTransposed(
  recorder: Recorder,
  name: string,
  input: string,
  { height, width, channels }: Size,
  outChannels: number,
  { batch }: NetworkOptions,
  choice: TrainingChoice,
): void {
  const bias = recorder.tensor(`${name}.bias, repeated`, 4 * outChannels);
  recorder.step(repeatVector({ label: bias, count: outChannels, times: 4 }), [
    parameter(`${name}.bias`),
    bias,
  ]);
  recorder.onBackward(() => {
    // The four taps of a pixel are pixels of their own.
    const label = `gradient of ${name}.bias`;
    const sums = pixelSums({ label, count: recorder.count(name), channels: outChannels });
    const partial = recorder.tensor(`${label}, in slices`, sums.slices * outChannels);
    recorder.step(sums.kernel, [recorder.gradient(name), partial]);
    recorder.step(sumSlices({ label, slices: sums.slices, count: outChannels }), [
      partial,
      gradientOf(`${name}.bias`),
    ]);
  });
  recordConvolution(
    recorder,
    {
      output: name,
      input,
      weight: `${name}.weight`,
      bias,
      batch,
      height,
      width,
      channels,
      outChannels: 4 * outChannels,
      kernel: 1,
      stride: 1,
      inputGradient: true,
    },
    choice,
  );
}
