/** @file A convolution in training: with its batch norm as an operation of its own. */

import type { Conv2dOperation } from '../../graph/operations/conv2d.ts';
import { isPadded } from '../../graph/passes/rewrite.ts';
import { recordBatchNorm } from './batch-norm.ts';
import { recordConvolution } from './convolution.ts';
import { normSlot, type TrainedOperation } from './operation.ts';

export const conv2d: TrainedOperation<Conv2dOperation> = {
  obstacle({ sources, outChannels, bias, norm, residuals, activation, affine }) {
    const [{ tensor, inChannels, kernel, stride, padding }] = sources;
    const obstacles: [boolean, string][] = [
      [sources.length > 1, 'a convolution of two tensors'],
      [
        outChannels % 4 > 0 || (inChannels % 4 > 0 && tensor !== 'image'),
        `a convolution of ${inChannels} to ${outChannels} channels`,
      ],
      [
        stride > 2 || !isPadded(padding, (kernel - 1) / 2),
        `a convolution ${kernel}x${kernel} of stride ${stride}, padded by ${Object.values(padding).join(', ')}`,
      ],
      [bias !== undefined, 'a convolution with a bias'],
      [activation !== 'none' && activation !== 'relu', `the activation ${activation}`],
      [norm === undefined && activation === 'relu', 'a ReLU without a batch norm'],
      [affine !== undefined, 'an affine after an activation'],
      [
        residuals.length > (norm === undefined ? 0 : 1) || residuals.some(({ kind }) => kind !== 'same'),
        'more added to a convolution than one tensor of its size behind its batch norm',
      ],
    ];
    return obstacles.find(([found]) => found)?.[1];
  },
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
