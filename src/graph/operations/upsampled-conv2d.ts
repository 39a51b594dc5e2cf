/**
 * @file A 3x3 convolution of a nearest-upsampled tensor, at the tensor's own resolution: its output takes few distinct
 * values per pixel, the class images. Made by passes; gathered by a residual of kind `classes`.
 */

import { conv2d } from '../../kernels/conv2d.ts';
import { type Conv2d, upsampleClasses } from '../../kernels/conv2d-shape.ts';
import { packConvWeights } from '../../kernels/conv2d-weights.ts';
import { constants, type OperationKind, tensors } from '../operation.ts';

export interface UpsampledConv2dOperation {
  op: 'upsampledConv2d';
  name: string;
  output: string;
  input: string;
  /** Parameter `[outChannels, inChannels, 3, 3]`. */
  weight: string;
  inChannels: number;
  outChannels: number;
  /** By how much the input is meant to be upsampled. */
  scale: number;
}

export const upsampledConv2d: OperationKind<UpsampledConv2dOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  shapes: ({ input, outChannels, scale }, shapeOf) => [
    { ...shapeOf(input), channels: outChannels, planes: upsampleClasses(scale).length ** 2 },
  ],
  constants: (operation, source, precision) => [
    {
      name: `${operation.name}.weights`,
      precision,
      data: () =>
        packConvWeights(upsampledConvolutionOf(operation, { height: 0, width: 0 }), [
          source(operation.weight),
        ]),
    },
  ],
  lower(operation, shapeOf, choice) {
    const { name, input, output } = operation;
    const conv = upsampledConvolutionOf(operation, shapeOf(input));
    return {
      kernel: conv2d(conv, { tile: choice.tile(conv), precision: choice.precision }),
      resources: [...tensors(input), ...constants(`${name}.weights`), ...tensors(output)],
    };
  },
};

/** The convolution at the input's size, as its kernel wants it. */
export const upsampledConvolutionOf = (
  { name, inChannels, outChannels, scale }: UpsampledConv2dOperation,
  { height, width }: { height: number; width: number },
): Conv2d => ({
  label: name,
  sources: [{ height, width, channels: inChannels, kernel: 3, stride: 1, padding: 1 }],
  outHeight: height,
  outWidth: width,
  outChannels,
  bias: false,
  residuals: [],
  relu: false,
  upsampledBy: scale,
});
