/** @file A convolution in training: with its batch norm as an operation of its own. */

import type { Conv2dOperation } from '../../graph/operations/conv2d.ts';
import { recordBatchNorm } from './batch-norm.ts';
import { recordConvolution } from './convolution.ts';
import { normSlot, type TrainedOperation } from './operation.ts';

export const conv2d: TrainedOperation<Conv2dOperation> = {
  slots({ sources: [{ weight, inChannels, kernel }], outChannels, norm }) {
    const area = kernel * kernel;
    // The image has 4 channels stored.
    const stored = Math.ceil(inChannels / 4) * 4;
    // [out, in, kernel, kernel] to [tap, in, out].
    const place = (index: number) => {
      const tap = index % area;
      const channel = Math.floor(index / area) % inChannels;
      return (tap * stored + channel) * outChannels + Math.floor(index / (area * inChannels));
    };
    const shape = [outChannels, inChannels, kernel, kernel];
    return [
      { name: weight, count: area * stored * outChannels, parameters: [{ name: weight, shape, place }] },
      ...(norm ? [normSlot(norm, outChannels)] : []),
    ];
  },
  norms: ({ norm, outChannels }) => (norm ? [[norm, outChannels]] : []),
  record(recorder, { output, sources, outChannels, norm, activation, residuals }, context) {
    const { batch, batchNorm: mode, choice, shapeOf } = context;
    const [{ tensor: input, weight, kernel, stride }] = sources;
    const { height, width, channels } = shapeOf(input);
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
      const residual = residuals[0]?.tensor;
      recordBatchNorm(recorder, {
        output,
        input: convolved,
        norm,
        channels: outChannels,
        mode,
        relu: activation === 'relu',
        residual,
      });
    }
  },
};
