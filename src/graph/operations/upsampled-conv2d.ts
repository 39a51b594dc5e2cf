/**
 * @file A 3x3 convolution of a nearest-upsampled tensor, at the tensor's own resolution: its output takes few distinct
 * values per pixel, the class images. Made by passes; gathered by a residual of kind `classes`.
 */

import { upsampleClasses } from '../../kernels/upsample-classes.ts';
import {
  packUpsampledConvWeights,
  type UpsampledConv2d,
  upsampledConv2d as upsampledConv2dKernel,
} from '../../kernels/upsampled-conv2d.ts';
import { constants, type OperationKind, type ShapeOf, tensors } from '../operation.ts';

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
        packUpsampledConvWeights({ channels: operation.inChannels, ...operation }, source(operation.weight)),
    },
  ],
  convolution: convolutionOf,
  lower(operation, shapeOf, choice) {
    const { name, input, output } = operation;
    const conv = convolutionOf(operation, shapeOf);
    return [
      {
        kernel: upsampledConv2dKernel(conv, { tile: choice.tile(conv), precision: choice.precision }),
        resources: [...tensors(input), ...constants(`${name}.weights`), ...tensors(output)],
      },
    ];
  },
};

/** The convolution at the input's size, as its kernel wants it. */
function convolutionOf(operation: UpsampledConv2dOperation, shapeOf: ShapeOf): UpsampledConv2d {
  const { name: label, input, inChannels: channels, outChannels, scale } = operation;
  const { height, width } = shapeOf(input);
  return { label, height, width, channels, outChannels, scale };
}
