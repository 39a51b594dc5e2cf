/** @file A convolution with what follows it in a network: batch norm, residuals, activation, affine. */

import { oneOf, whole } from '../../check.ts';
import type { Activation } from '../../kernels/activation.ts';
import { type Conv2d, conv2d as conv2dKernel, packBias, packConvWeights } from '../../kernels/conv2d.ts';
import type { Affine, Epilogue as KernelEpilogue } from '../../kernels/conv2d-epilogue.ts';
import { foldBias, normParameters, scaleOutputs } from '../batch-norm.ts';
import {
  activation,
  affine,
  channelCount,
  list,
  name,
  nothing,
  optional,
  type Padding,
  padding,
  record,
} from '../fields.ts';
import {
  type Constant,
  constants,
  expectFit,
  factorsOf,
  holds,
  type OperationKind,
  type ParameterSource,
  type ShapeOf,
  slide,
  type TensorShape,
  tensors,
} from '../operation.ts';

/** A tensor that is summed over, and the window that slides over it. */
export interface ConvSource {
  tensor: string;
  /** Parameter `[outChannels, inChannels, kernel, kernel]`. */
  weight: string;
  inChannels: number;
  kernel: number;
  stride: number;
  /** Zeros around the tensor. */
  padding: Padding;
}

/** A tensor that is added; `upsampled`: smaller, nearest-upsampled; `classes`: class images of `upsampledConv2d`. */
export interface Residual {
  tensor: string;
  kind: 'same' | 'upsampled' | 'classes';
}

/** What follows the sums of a convolution. */
export interface Epilogue {
  name: string;
  output: string;
  outChannels: number;
  /** Parameter `[outChannels]`. */
  bias?: string;
  /** Tensor of factors, one per channel (`gateFactors`), which multiply before residuals are added. Only passes name one. */
  factors?: string;
  residuals: readonly Residual[];
  activation: Activation;
  /** After the activation; the learnable affine block of PP-LCNetV3. */
  affine?: Affine;
}

/** `affine(activation(norm(sum of convolutions + bias) * factors + residuals))`. */
export interface Conv2dOperation extends Epilogue {
  op: 'conv2d';
  /** More than one where a projection shortcut was fused. */
  sources: readonly ConvSource[];
  /** Prefix of the batch norm's parameters. */
  norm?: string;
}

export const conv2d: OperationKind<Conv2dOperation> = {
  inputs: ({ sources, factors, residuals }) => [
    ...sources.map(({ tensor }) => tensor),
    ...(factors ? [factors] : []),
    ...residuals.map(({ tensor }) => tensor),
  ],
  outputs: ({ output }) => [output],
  shapes(operation, shapeOf) {
    const { sources, residuals, outChannels } = operation;
    const sizes = sources.map((source) => {
      const { tensor, inChannels } = source;
      const shape = shapeOf(tensor);
      expectFit(
        operation,
        holds(shape, inChannels),
        `sources with the channels of the weights (${inChannels})`,
      );
      return slide(shape, source);
    });
    const [size] = sizes;
    expectFit(
      operation,
      sizes.every((other) => isSame(size, other)),
      'sources that give the same size',
    );
    const fits = residuals.every(({ tensor, kind }) => {
      const { height, width, channels } = shapeOf(tensor);
      const scale = kind === 'same' ? 1 : size.width / width;
      const isUpsampled =
        Number.isInteger(scale) && isSame(size, { height: height * scale, width: width * scale });
      return channels === outChannels && isUpsampled;
    });
    expectFit(operation, fits, 'residuals of the size of the output');
    return [{ ...size, channels: outChannels, planes: 1 }];
  },
  parameters: ({ sources, outChannels, bias, norm }) => [
    ...sources.map(
      ({ weight, inChannels, kernel }) => [weight, [outChannels, inChannels, kernel, kernel]] as const,
    ),
    ...(bias ? [[bias, [outChannels]] as const] : []),
    ...(norm ? normParameters(norm, outChannels) : []),
  ],
  foldBatchNorm(operation, source) {
    const { norm, bias } = operation;
    if (!norm) return { operation, derived: {} };
    const folded = (name: string) => `${name} * ${norm}`;
    return {
      operation: {
        ...operation,
        norm: undefined,
        bias: `${norm}, folded`,
        sources: operation.sources.map((source) => ({ ...source, weight: folded(source.weight) })),
      },
      derived: {
        [`${norm}, folded`]: () => foldBias(norm, source, bias),
        ...Object.fromEntries(
          operation.sources.map(({ weight }) => [folded(weight), scaleOutputs(weight, norm, source)]),
        ),
      },
    };
  },
  constants: (operation, source, precision) => [
    {
      name: `${operation.name}.weights`,
      precision,
      data: () => {
        const weights = operation.sources.map(({ weight }) => factorsOf(source, weight));
        return packConvWeights(
          {
            sources: operation.sources.map((source) => windowOf(source, noSize)),
            outChannels: operation.outChannels,
          },
          weights.map(({ values }) => values()),
          weights.map(({ scale }) => scale?.()),
        );
      },
    },
    ...biasConstant(operation, source),
  ],
  convolution: convolutionOf,
  lower(operation, shapeOf, choice) {
    const conv = convolutionOf(operation, shapeOf);
    const { name, sources, bias, factors, residuals, output } = operation;
    return [
      {
        kernel: conv2dKernel(conv, { tile: choice.tile(conv), precision: choice.precision }),
        resources: [
          ...tensors(...sources.map(({ tensor }) => tensor)),
          ...constants(`${name}.weights`, ...(bias ? [`${name}.bias`] : [])),
          ...tensors(...(factors ? [factors] : []), ...residuals.map(({ tensor }) => tensor), output),
        ],
      },
    ];
  },
  fields: {
    name,
    output: name,
    sources: list(
      record<ConvSource>({
        tensor: name,
        weight: name,
        inChannels: channelCount,
        kernel: whole(1, 31),
        stride: whole(1, 8),
        padding,
      }),
      { from: 1, to: 2 },
    ),
    outChannels: channelCount,
    bias: optional(name),
    norm: optional(name),
    factors: nothing,
    residuals: list(record<Residual>({ tensor: name, kind: oneOf('same', 'upsampled') }), { to: 2 }),
    activation,
    affine: optional(affine),
  },
};

const isSame = (a: Pick<TensorShape, 'height' | 'width'>, b: typeof a): boolean =>
  a.height === b.height && a.width === b.width;

/** The convolution at given sizes, as its kernel wants it. */
export function convolutionOf(operation: Conv2dOperation, shapeOf: ShapeOf): Conv2d {
  return {
    ...epilogueOf(operation, shapeOf),
    sources: operation.sources.map((source) => windowOf(source, shapeOf(source.tensor))),
  };
}

const windowOf = (
  { inChannels: channels, kernel, stride, padding }: ConvSource,
  { height, width }: Pick<TensorShape, 'height' | 'width'>,
) => ({ height, width, channels, kernel, stride, padding });

/** Packed weights do not depend on it. */
const noSize = { height: 0, width: 0 };

/** The bias of an epilogue, if there is one, as a constant. */
export const biasConstant = ({ name, bias }: Epilogue, source: ParameterSource): Constant[] =>
  bias ? [{ name: `${name}.bias`, precision: 'f32', data: () => packBias(source(bias)) }] : [];

/** The epilogue at given sizes, as kernels want it. */
export function epilogueOf(
  { name, output, outChannels, bias, factors, residuals, activation, affine }: Epilogue,
  shapeOf: ShapeOf,
): KernelEpilogue & { label: string } {
  const { height, width } = shapeOf(output);
  return {
    label: name,
    outHeight: height,
    outWidth: width,
    outChannels,
    bias: bias !== undefined,
    scaled: factors !== undefined,
    residuals: residuals.map(({ tensor, kind }) =>
      kind === 'same' ? { kind } : { kind, scale: width / shapeOf(tensor).width },
    ),
    activation,
    affine,
  };
}
