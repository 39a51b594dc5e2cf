/** @file Upsampling and adding, upsampling and concatenating, in training. */

import type { UpsampleAddOperation, UpsampleConcatOperation } from '../../graph/operations/upsample.ts';
import { upsampleBackward } from '../../kernels/train/upsample-backward.ts';
import { upsampleAdd as addKernel } from '../../kernels/upsample-add.ts';
import { upsampleConcat as concatKernel } from '../../kernels/upsample-concat.ts';
import type { Recorder } from '../plan/recorder.ts';
import type { TrainedOperation } from './operation.ts';

const precision = { precision: 'f32' } as const;

export const upsampleAdd: TrainedOperation<UpsampleAddOperation> = {
  record(recorder, { output, lateral, top }, { batch, shapeOf }) {
    const { height, width, channels } = shapeOf(lateral);
    recorder.tensor(output, recorder.count(lateral));
    // The rows of all images, one after the other: heights are even, so that none mixes two images.
    recorder.step(addKernel({ label: output, height: batch * height, width, channels }, precision), [
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
  },
};

export const upsampleConcat: TrainedOperation<UpsampleConcatOperation> = {
  record(recorder, { output, inputs, scales }, { batch, shapeOf }) {
    const { height, width, channels: all } = shapeOf(output);
    const channels = inputs.map((input) => shapeOf(input).channels);
    recorder.tensor(output, batch * height * width * all);
    recorder.step(
      concatKernel({ label: output, height: batch * height, width, channels, scales }, precision),
      [...inputs, output],
    );
    recorder.onBackward(() => {
      let offset = 0;
      for (const [i, input] of inputs.entries()) {
        recordUpsampleGradient(recorder, input, recorder.gradient(output), {
          batch,
          height: shapeOf(input).height,
          width: shapeOf(input).width,
          channels: channels[i],
          scale: scales[i],
          gradientChannels: all,
          offset,
        });
        offset += channels[i];
      }
    });
  },
};

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
