/** @file A depthwise convolution with what follows it in a network: batch norm, activation, affine. */

import { whole } from '../../check.ts';
import type { Activation } from '../../kernels/activation.ts';
import { packBias } from '../../kernels/conv2d.ts';
import type { Affine } from '../../kernels/conv2d-epilogue.ts';
import { depthwiseConv2d as depthwiseKernel, packDepthwiseWeights } from '../../kernels/depthwise-conv2d.ts';
import { foldIntoWeight, normParameters } from '../batch-norm.ts';
import { activation, affine, channelCount, name, optional, type Padding, padding } from '../fields.ts';
import { constants, expectFit, holds, type OperationKind, slide, tensors } from '../operation.ts';

/** `affine(activation(norm(convolution + bias)))`, every channel with a window of its own. */
export interface DepthwiseConv2dOperation {
  op: 'depthwiseConv2d';
  name: string;
  output: string;
  input: string;
  /** Parameter `[channels, 1, kernel, kernel]`. */
  weight: string;
  channels: number;
  kernel: number;
  stride: number;
  padding: Padding;
  /** Parameter `[channels]`. */
  bias?: string;
  /** Prefix of the batch norm's parameters. */
  norm?: string;
  activation: Activation;
  /** After the activation; the learnable affine block of PP-LCNetV3. */
  affine?: Affine;
}

export const depthwiseConv2d: OperationKind<DepthwiseConv2dOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  shapes(operation, shapeOf) {
    const { input, channels } = operation;
    const source = shapeOf(input);
    expectFit(operation, holds(source, channels), `a tensor of ${channels} channels`);
    return [{ ...slide(source, operation), channels, planes: 1 }];
  },
  parameters: ({ weight, channels, kernel, bias, norm }) => [
    [weight, [channels, 1, kernel, kernel]],
    ...(bias ? [[bias, [channels]] as const] : []),
    ...(norm ? normParameters(norm, channels) : []),
  ],
  foldBatchNorm: (operation, source) => foldIntoWeight(operation, source),
  constants: ({ name, weight, bias, channels, kernel }, source, precision) => [
    {
      name: `${name}.weights`,
      precision,
      data: () => packDepthwiseWeights({ channels, kernel }, source(weight)),
    },
    ...(bias
      ? [{ name: `${name}.bias`, precision: 'f32' as const, data: () => packBias(source(bias)) }]
      : []),
  ],
  lower(operation, shapeOf, choice) {
    const { name, input, output, bias } = operation;
    const [source, target] = [shapeOf(input), shapeOf(output)];
    const form = {
      ...operation,
      label: name,
      height: source.height,
      width: source.width,
      outHeight: target.height,
      outWidth: target.width,
      bias: bias !== undefined,
    };
    return [
      {
        kernel: depthwiseKernel(form, choice),
        resources: [
          ...tensors(input),
          ...constants(`${name}.weights`, ...(bias ? [`${name}.bias`] : [])),
          ...tensors(output),
        ],
      },
    ];
  },
  fields: {
    name,
    output: name,
    input: name,
    weight: name,
    channels: channelCount,
    kernel: whole(1, 31),
    stride: whole(1, 8),
    padding,
    bias: optional(name),
    norm: optional(name),
    activation,
    affine: optional(affine),
  },
};
