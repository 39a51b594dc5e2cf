/**
 * @file The tails of both heads in training: transposed convolution, norm, ReLU, transposed convolution; to the tensor
 * `logits` (`[2, batch, height, width]`: of P, of T), where the loss begins.
 */

import type { DbHeadOperation } from '../../graph/operations/db-head.ts';
import { blocksToImage, imageToBlocks } from '../../kernels/train/blocks-to-image.ts';
import { repeatVector } from '../../kernels/train/repeat-vector.ts';
import { pixelSums, sumSlices } from '../../kernels/train/slices.ts';
import type { Recorder } from '../plan/recorder.ts';
import { gradientOf, parameter } from '../plan/resources.ts';
import { recordBatchNorm } from './batch-norm.ts';
import { recordConvolution } from './convolution.ts';
import {
  inOrder,
  normSlot,
  type SlotParameters,
  type TrainedOperation,
  type TrainingContext,
} from './operation.ts';

/** The tensor of the logits. */
export const logits = 'logits';

export const dbHead: TrainedOperation<DbHeadOperation> = {
  obstacle({ channels, heads, features }) {
    if (channels % 4 > 0) return `a head of ${channels} channels`;
    if (features.length < heads.length) return 'one tensor of features for both heads';
    return heads.some(({ up1 }) => up1.norm === undefined) ? 'a head without a batch norm' : undefined;
  },
  slots: ({ heads, channels }) =>
    heads.flatMap(({ up1, up2 }) => [
      ...transposedSlots(up1, channels, channels),
      ...(up1.norm ? [normSlot(up1.norm, channels)] : []),
      ...transposedSlots(up2, channels, 1),
    ]),
  norms: ({ heads, channels }) =>
    heads.flatMap(({ up1: { norm } }) => (norm ? [[norm, channels] as const] : [])),
  record(recorder, { heads, features, channels }, context) {
    const { batch, batchNorm: mode, shapeOf } = context;
    const { height, width } = shapeOf(features[0]);
    const tails = heads.map(({ up1, up2 }, i) => {
      recordTransposed(recorder, up1, features[i], { height, width, channels }, channels, context);
      const norm = up1.norm!;
      const hidden = `${norm}, rectified`;
      recordBatchNorm(recorder, { output: hidden, input: nameOf(up1), norm, channels, mode, relu: true });
      // Each pixel has become four, one after the other: for a 1x1 convolution as good as four rows.
      recordTransposed(recorder, up2, hidden, { height: 4 * height, width, channels }, 1, context);
      return nameOf(up2);
    });
    const image = { label: logits, batch, height: 4 * height, width: 4 * width };
    recorder.tensor(logits, tails.length * batch * image.height * image.width);
    recorder.step(blocksToImage(image, tails.length), [...tails, logits]);
    recorder.onBackward(() => {
      const gradients = tails.map((tail) => recorder.tensor(`gradient of ${tail}`, recorder.count(tail)));
      recorder.step(imageToBlocks({ ...image, label: 'gradient of logits' }, tails.length), [
        recorder.gradient(logits),
        ...gradients,
      ]);
      for (const [i, tail] of tails.entries()) recorder.setGradient(tail, gradients[i]);
    });
  },
};

/** A transposed convolution 2x2 with stride 2. */
interface Transposed {
  weight: string;
  bias?: string;
}

const nameOf = ({ weight }: Transposed): string => weight.replace(/\.weight$/, '');

function transposedSlots(
  { weight, bias }: Transposed,
  channels: number,
  outChannels: number,
): SlotParameters[] {
  // [in, out, 2, 2] to [in, tap, out]: a transposed convolution is one 1x1 convolution to all four taps.
  const place = (index: number) => {
    const out = Math.floor(index / 4) % outChannels;
    return (Math.floor(index / (4 * outChannels)) * 4 + (index % 4)) * outChannels + out;
  };
  const shape = [channels, outChannels, 2, 2];
  const biased = bias && { name: bias, shape: [outChannels], place: inOrder };
  return [
    { name: weight, count: channels * outChannels * 4, parameters: [{ name: weight, shape, place }] },
    ...(biased ? [{ name: biased.name, count: outChannels, parameters: [biased] }] : []),
  ];
}

/** A transposed convolution 2x2 with stride 2 and a bias, as a 1x1 convolution to its four taps. */
function recordTransposed(
  recorder: Recorder,
  transposed: Transposed,
  input: string,
  { height, width, channels }: { height: number; width: number; channels: number },
  outChannels: number,
  { batch, choice }: TrainingContext,
): void {
  const name = nameOf(transposed);
  const bias = transposed.bias && recordBias(recorder, transposed.bias, name, outChannels);
  recordConvolution(
    recorder,
    {
      output: name,
      input,
      weight: transposed.weight,
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

/** The bias of all four taps. */
function recordBias(recorder: Recorder, slot: string, output: string, outChannels: number): string {
  const bias = recorder.tensor(`${slot}, repeated`, 4 * outChannels);
  recorder.step(repeatVector({ label: bias, count: outChannels, times: 4 }), [parameter(slot), bias]);
  recorder.onBackward(() => {
    // The four taps of a pixel are pixels of their own.
    const label = `gradient of ${slot}`;
    const sums = pixelSums({ label, count: recorder.count(output), channels: outChannels });
    const partial = recorder.tensor(`${label}, in slices`, sums.slices * outChannels);
    recorder.step(sums.kernel, [recorder.gradient(output), partial]);
    recorder.step(sumSlices({ label, slices: sums.slices, count: outChannels }), [partial, gradientOf(slot)]);
  });
  return bias;
}
