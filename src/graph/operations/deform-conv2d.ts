/**
 * @file A deformable convolution 3x3 (X. Zhu et al., "Deformable ConvNets v2", eq. 1; one group of channels, one of
 * offsets) with what follows it in a network. Two kernels: samples are gathered into columns, and a 1x1 convolution
 * multiplies them, with the epilogue and the tiles of all others.
 */

import { boolean, oneOf, whole } from '../../check.ts';
import { type Conv2d, conv2d as conv2dKernel, packConvWeights } from '../../kernels/conv2d.ts';
import { columnChannels, columnWeights, deformColumns, offsetChannels } from '../../kernels/deform-conv2d.ts';
import { foldIntoWeight, normParameters } from '../batch-norm.ts';
import {
  activation,
  affine,
  channelCount,
  list,
  name,
  optional,
  type Padding,
  padding,
  record,
} from '../fields.ts';
import {
  constants,
  expectFit,
  holds,
  type OperationKind,
  type ShapeOf,
  slide,
  tensors,
} from '../operation.ts';
import { biasConstant, type Epilogue, epilogueOf, type Residual } from './conv2d.ts';

/** `affine(activation(norm(convolution + bias) + residuals))`. */
export interface DeformConv2dOperation extends Omit<Epilogue, 'factors'> {
  op: 'deformConv2d';
  input: string;
  /**
   * Tensor of 27 channels of the output's size: dy and dx of each tap, row by row, then the logit of each tap's mask.
   * A sample is bilinear, with zeros outside.
   */
  offsets: string;
  /**
   * For weights that were trained with offsets of another size than the output's, which the authors' kernel does not
   * notice (https://github.com/MhLiao/DB/issues/250): their memory `[18, height, width]`, and that of the mask
   * `[9, height, width]`, is read as if it had the output's height and width.
   */
  flatOffsets: boolean;
  /** Parameter `[outChannels, inChannels, 3, 3]`. */
  weight: string;
  inChannels: number;
  stride: number;
  /** Zeros around the input. */
  padding: Padding;
  /** Prefix of the batch norm's parameters. */
  norm?: string;
}

export const deformConv2d: OperationKind<DeformConv2dOperation> = {
  inputs: ({ input, offsets, residuals }) => [input, offsets, ...residuals.map(({ tensor }) => tensor)],
  outputs: ({ name, output }) => [output, `${name}.columns`],
  shapes(operation, shapeOf) {
    const { input, offsets, flatOffsets, inChannels, outChannels, stride, padding, residuals } = operation;
    const source = shapeOf(input);
    expectFit(operation, holds(source, inChannels), `an input of ${inChannels} channels`);
    const { height, width } = slide(source, { kernel: 3, stride, padding });
    const given = shapeOf(offsets);
    expectFit(operation, holds(given, offsetChannels), `offsets of ${offsetChannels} channels`);
    expectFit(
      operation,
      flatOffsets
        ? given.height * given.width >= height * width
        : given.height === height && given.width === width,
      flatOffsets ? 'offsets at least as large as the output' : 'offsets of the size of the output',
    );
    const output = { height, width, channels: outChannels, planes: 1 };
    expectFit(
      operation,
      residuals.every(({ tensor }) => {
        const residual = shapeOf(tensor);
        return holds(residual, outChannels) && residual.height === height && residual.width === width;
      }),
      'residuals of the size of the output',
    );
    return [output, { ...output, channels: columnChannels(inChannels) }];
  },
  parameters: ({ weight, inChannels, outChannels, bias, norm }) => [
    [weight, [outChannels, inChannels, 3, 3]],
    ...(bias ? [[bias, [outChannels]] as const] : []),
    ...(norm ? normParameters(norm, outChannels) : []),
  ],
  foldBatchNorm: (operation, source) => foldIntoWeight(operation, source),
  constants: (operation, source, precision) => [
    {
      name: `${operation.name}.weights`,
      precision,
      data: () => {
        const { weight, inChannels: channels, outChannels } = operation;
        const sources = [columnSource(channels, { height: 0, width: 0 })];
        return packConvWeights({ sources, outChannels }, [
          columnWeights({ channels, outChannels }, source(weight)),
        ]);
      },
    },
    ...biasConstant(operation, source),
  ],
  convolution: productOf,
  lower(operation, shapeOf, choice) {
    const { name: label, input, offsets, bias, residuals, inChannels: channels } = operation;
    const [output, columns] = deformConv2d.outputs(operation);
    const { height, width } = shapeOf(input);
    const { height: outHeight, width: outWidth } = shapeOf(output);
    const given = shapeOf(offsets);
    const form = { ...operation, label, height, width, channels, outHeight, outWidth };
    const product = productOf(operation, shapeOf);
    return [
      {
        kernel: deformColumns({ ...form, offsetPixels: given.height * given.width }, choice),
        resources: tensors(input, offsets, columns),
      },
      {
        kernel: conv2dKernel(product, { tile: choice.tile(product), precision: choice.precision }),
        resources: [
          ...tensors(columns),
          ...constants(`${label}.weights`, ...(bias ? [`${label}.bias`] : [])),
          ...tensors(...residuals.map(({ tensor }) => tensor), output),
        ],
      },
    ];
  },
  fields: {
    name,
    output: name,
    input: name,
    offsets: name,
    flatOffsets: boolean,
    weight: name,
    inChannels: channelCount,
    outChannels: channelCount,
    stride: whole(1, 8),
    padding,
    bias: optional(name),
    norm: optional(name),
    residuals: list(record<Residual>({ tensor: name, kind: oneOf('same') }), { to: 2 }),
    activation,
    affine: optional(affine),
  },
};

/** The columns as the source of a 1x1 convolution. */
const columnSource = (inChannels: number, size: { height: number; width: number }) => ({
  ...size,
  channels: columnChannels(inChannels),
  kernel: 1,
  stride: 1,
  padding: { top: 0, left: 0 },
});

/** The convolution of the columns, as its kernel wants it. */
function productOf(operation: DeformConv2dOperation, shapeOf: ShapeOf): Conv2d {
  const { height, width } = shapeOf(operation.output);
  return {
    ...epilogueOf(operation, shapeOf),
    sources: [columnSource(operation.inChannels, { height, width })],
  };
}
