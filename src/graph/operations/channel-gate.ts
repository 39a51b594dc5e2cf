/**
 * @file The squeeze-and-excitation gate; see `kernels/channel-gate.ts`. And its factors alone, for an epilogue that
 * multiplies by them.
 */

import { between, boolean } from '../../check.ts';
import {
  channelGate as channelGateKernel,
  channelSums,
  gateSlices,
  maxGateChannels,
  packGate,
  scaleChannels,
} from '../../kernels/channel-gate.ts';
import { vectorsOf } from '../../kernels/kernel.ts';
import { channelCount, name, record } from '../fields.ts';
import {
  type Constant,
  constants,
  expectFit,
  holds,
  type KernelChoice,
  type OperationKind,
  type ParameterSource,
  type PlanStep,
  type TensorShape,
  tensors,
} from '../operation.ts';

/** A 1x1 convolution of one pixel. */
interface Layer {
  weight: string;
  bias: string;
}

/** What both operations have: the gate clamp(slope (W2 relu(W1 mean + b1) + b2) + 0.5, 0, 1) and its shortcut. */
interface Gate {
  name: string;
  output: string;
  input: string;
  channels: number;
  /** Channels between the two layers. */
  hidden: number;
  /** Parameters `[hidden, channels of the input, 1, 1]` and `[hidden]`. */
  reduce: Layer;
  /** Parameters `[channels, hidden, 1, 1]` and `[channels]`. */
  expand: Layer;
  slope: number;
  /** True where the input is added to the product: the factor is 1 more than the gate. */
  shortcut: boolean;
}

/** `input * gate`, and `+ input` with a shortcut. */
export interface ChannelGateOperation extends Gate {
  op: 'channelGate';
}

export const channelGate: OperationKind<ChannelGateOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ name, output }) => [output, `${name}.sums`, `${name}.factors`],
  shapes(operation, shapeOf) {
    const { input, channels, hidden } = operation;
    const shape = shapeOf(input);
    expectFit(operation, holds(shape, channels), `a tensor of ${channels} channels`);
    const most = `at most ${maxGateChannels} channels, between the layers as well`;
    expectFit(operation, Math.max(channels, hidden) <= maxGateChannels, most);
    return [shape, sumsOf(shape), factorsOf(channels)];
  },
  parameters: ({ channels, hidden, reduce, expand }) => [
    [reduce.weight, [hidden, channels, 1, 1]],
    [reduce.bias, [hidden]],
    [expand.weight, [channels, hidden, 1, 1]],
    [expand.bias, [channels]],
  ],
  constants: (operation, source) => gateConstants(operation, operation.channels, source),
  lower(operation, shapeOf, choice) {
    const { name: label, input, channels } = operation;
    const shape = shapeOf(input);
    const [output, sums, factors] = channelGate.outputs(operation);
    return [
      ...factorSteps(operation, shape, { sums, factors }, choice),
      {
        kernel: scaleChannels({ label, pixels: shape.height * shape.width, channels }, choice),
        resources: tensors(input, factors, output),
      },
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

/** The factors of a gate, one per channel and f32, from the mean of another tensor. Made by a pass. */
export interface GateFactorsOperation extends Gate {
  op: 'gateFactors';
  /** Channels of the input. */
  averaged: number;
}

export const gateFactors: OperationKind<GateFactorsOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ name, output }) => [output, `${name}.sums`],
  shapes: ({ input, channels }, shapeOf) => [factorsOf(channels), sumsOf(shapeOf(input))],
  constants: (operation, source) => gateConstants(operation, operation.averaged, source),
  lower(operation, shapeOf, choice) {
    const [factors, sums] = gateFactors.outputs(operation);
    return factorSteps(operation, shapeOf(operation.input), { sums, factors }, choice);
  },
};

const vector = { width: 1, planes: 1, storage: 'f32' } as const;

/** Sums of the channels, in slices. */
const sumsOf = ({ height, width, channels }: TensorShape): TensorShape => ({
  ...vector,
  height: gateSlices(height * width),
  channels: 4 * vectorsOf(channels),
});

const factorsOf = (channels: number): TensorShape => ({
  ...vector,
  height: 1,
  channels: 4 * vectorsOf(channels),
});

function gateConstants(gate: Gate, averaged: number, source: ParameterSource): Constant[] {
  const { name, reduce, expand } = gate;
  const packed = () =>
    packGate(
      { ...gate, averaged },
      {
        reduce: source(reduce.weight),
        reduceBias: source(reduce.bias),
        expand: source(expand.weight),
        expandBias: source(expand.bias),
      },
    );
  return [
    { name: `${name}.weights`, precision: 'f32', data: () => packed().weights },
    { name: `${name}.bias`, precision: 'f32', data: () => packed().bias },
  ];
}

/** From a tensor to the factors. */
function factorSteps(
  gate: Gate,
  { height, width, channels: averaged }: TensorShape,
  { sums, factors }: { sums: string; factors: string },
  choice: KernelChoice,
): PlanStep[] {
  const { name: label, input } = gate;
  const pixels = height * width;
  return [
    { kernel: channelSums({ label, pixels, channels: averaged }, choice), resources: tensors(input, sums) },
    {
      kernel: channelGateKernel({ ...gate, label, pixels, averaged }),
      resources: [...tensors(sums), ...constants(`${label}.weights`, `${label}.bias`), ...tensors(factors)],
    },
  ];
}
