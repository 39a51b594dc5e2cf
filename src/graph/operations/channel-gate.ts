/** @file The squeeze-and-excitation gate; see `kernels/channel-gate.ts`. */

import { between, boolean } from '../../check.ts';
import {
  channelGate as channelGateKernel,
  channelSums,
  gateSlices,
  packGate,
  scaleChannels,
} from '../../kernels/channel-gate.ts';
import { vectorsOf } from '../../kernels/kernel.ts';
import { channelCount, name, record } from '../fields.ts';
import { constants, expectFit, holds, type OperationKind, tensors } from '../operation.ts';

/** A 1x1 convolution of one pixel. */
interface Layer {
  weight: string;
  bias: string;
}

/** `input * gate`, and `+ input` with a shortcut; gate = clamp(slope (W2 relu(W1 mean + b1) + b2) + 0.5, 0, 1). */
export interface ChannelGateOperation {
  op: 'channelGate';
  name: string;
  output: string;
  input: string;
  channels: number;
  /** Channels between the two layers. */
  hidden: number;
  /** Parameters `[hidden, channels, 1, 1]` and `[hidden]`. */
  reduce: Layer;
  /** Parameters `[channels, hidden, 1, 1]` and `[channels]`. */
  expand: Layer;
  slope: number;
  shortcut: boolean;
}

export const channelGate: OperationKind<ChannelGateOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ name, output }) => [output, `${name}.sums`, `${name}.gates`],
  shapes(operation, shapeOf) {
    const { input, channels } = operation;
    const shape = shapeOf(input);
    expectFit(operation, holds(shape, channels), `a tensor of ${channels} channels`);
    const vector = {
      height: 1,
      width: 1,
      channels: 4 * vectorsOf(channels),
      planes: 1,
      storage: 'f32',
    } as const;
    return [shape, { ...vector, height: gateSlices(shape.height * shape.width) }, vector];
  },
  parameters: ({ channels, hidden, reduce, expand }) => [
    [reduce.weight, [hidden, channels, 1, 1]],
    [reduce.bias, [hidden]],
    [expand.weight, [channels, hidden, 1, 1]],
    [expand.bias, [channels]],
  ],
  constants(operation, source) {
    const { name, reduce, expand } = operation;
    const packed = () =>
      packGate(operation, {
        reduce: source(reduce.weight),
        reduceBias: source(reduce.bias),
        expand: source(expand.weight),
        expandBias: source(expand.bias),
      });
    return [
      { name: `${name}.weights`, precision: 'f32', data: () => packed().weights },
      { name: `${name}.bias`, precision: 'f32', data: () => packed().bias },
    ];
  },
  lower(operation, shapeOf, choice) {
    const { name: label, input, channels, hidden, slope, shortcut } = operation;
    const { height, width } = shapeOf(input);
    const form = { label, pixels: height * width, channels };
    const [output, sums, gates] = channelGate.outputs(operation);
    return [
      { kernel: channelSums(form, choice), resources: tensors(input, sums) },
      {
        kernel: channelGateKernel({ ...form, hidden, slope }),
        resources: [...tensors(sums), ...constants(`${label}.weights`, `${label}.bias`), ...tensors(gates)],
      },
      { kernel: scaleChannels({ ...form, shortcut }, choice), resources: tensors(input, gates, output) },
    ];
  },
  fields: {
    name,
    output: name,
    input: name,
    channels: channelCount,
    hidden: channelCount,
    reduce: record<Layer>({ weight: name, bias: name }),
    expand: record<Layer>({ weight: name, bias: name }),
    slope: between(0, 1),
    shortcut: boolean,
  },
};
