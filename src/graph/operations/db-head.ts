/**
 * @file The end of DBNet: for each head two transposed convolutions 2x2 of stride 2 with batch norm and ReLU between
 * them and a sigmoid behind; then the differentiable binarization (paper, eq. 2).
 */

import { kind } from '../../check.ts';
import { dbHead as dbHeadKernel, packDbHead } from '../../kernels/db-head.ts';
import { foldBias, normParameters, normScaleShift } from '../batch-norm.ts';
import { channelCount, list, name, nothing, optional, record } from '../fields.ts';
import {
  constants,
  type DerivedParameters,
  expectFit,
  holds,
  type OperationKind,
  tensors,
} from '../operation.ts';

/** Parameters of one head, as PyTorch's `ConvTranspose2d` has them: `[in, out, 2, 2]`. */
export interface Head {
  /** `[channels, channels, 2, 2]`, with its bias `[channels]` and the prefix of the norm that follows. */
  up1: { weight: string; bias?: string; norm?: string };
  /** `[channels, 1, 2, 2]` and `[1]`. */
  up2: { weight: string; bias: string };
}

export interface DbHeadOperation {
  op: 'dbHead';
  name: string;
  /** `[P]` or `[P, T, B]`. */
  outputs: readonly string[];
  /** The tensor that takes the mask as bits, if it is written; see the kernel. */
  mask?: string;
  /** One tensor per head, or one that holds both. */
  features: readonly string[];
  /** Features of one head, and its hidden channels. */
  channels: number;
  /** Steepness of the binarization; 50 in the paper. */
  k: number;
  /** Of P; of P and T. */
  heads: readonly Head[];
}

export const dbHead: OperationKind<DbHeadOperation> = {
  inputs: ({ features }) => features,
  outputs: ({ outputs, mask }) => (mask === undefined ? outputs : [...outputs, mask]),
  shapes(operation, shapeOf) {
    const { outputs, features, heads, channels, mask } = operation;
    const stored = (channels * heads.length) / features.length;
    expectFit(
      operation,
      outputs.length === (heads.length === 1 ? 1 : 3),
      'P of one head, or P, T and B of two',
    );
    expectFit(
      operation,
      features.every((tensor) => holds(shapeOf(tensor), stored)),
      'features for each head',
    );
    expectFit(
      operation,
      features.length === heads.length || channels % 4 === 0,
      'features for each head by themselves, or channels that are a multiple of 4',
    );
    const { height, width } = shapeOf(features[0]);
    const map = { height: 4 * height, width: 4 * width, channels: 1, planes: 1, storage: 'f32' } as const;
    return [
      ...outputs.map(() => map),
      // Words of 32 pixels.
      ...(mask === undefined ? [] : [{ ...map, width: map.width / 32, storage: 'u32' } as const]),
    ];
  },
  parameters: ({ heads, channels }) =>
    heads.flatMap(({ up1, up2 }) => [
      [up1.weight, [channels, channels, 2, 2]] as const,
      ...(up1.bias ? [[up1.bias, [channels]] as const] : []),
      ...(up1.norm ? normParameters(up1.norm, channels) : []),
      [up2.weight, [channels, 1, 2, 2]] as const,
      [up2.bias, [1]] as const,
    ]),
  foldBatchNorm(operation, source) {
    const { channels } = operation;
    const derived: Record<string, () => ArrayLike<number>> = {};
    const heads = operation.heads.map((head): Head => {
      const { weight, bias, norm } = head.up1;
      if (!norm) return head;
      const folded = { weight: `${weight} * ${norm}`, bias: `${norm}, folded` };
      derived[folded.weight] = () => {
        const { scale } = normScaleShift(norm, source);
        const weights = Float64Array.from(source(weight));
        // The output channel is the second axis.
        for (let i = 0; i < weights.length; i++) weights[i] *= scale[(i >> 2) % channels];
        return weights;
      };
      derived[folded.bias] = () => foldBias(norm, source, bias);
      return { ...head, up1: folded };
    });
    return { operation: { ...operation, heads }, derived: derived satisfies DerivedParameters };
  },
  constants(operation, source, precision) {
    const packed = () =>
      packDbHead(
        operation.heads.map(({ up1, up2 }) => ({
          up1: source(up1.weight),
          bias1: up1.bias ? source(up1.bias) : new Float64Array(operation.channels),
          up2: source(up2.weight),
          bias2: source(up2.bias),
        })),
        operation.channels,
      );
    const [weights, bias] = constantNames(operation);
    return [
      { name: weights, precision, data: () => packed().weights },
      { name: bias, precision: 'f32', data: () => packed().bias },
    ];
  },
  lower(operation, shapeOf, { precision, headPixels, quads }) {
    const { name, features, channels, k, mask } = operation;
    const { height, width } = shapeOf(features[0]);
    const outputs = operation.heads.length === 1 ? 'P' : 'PTB';
    const merged = operation.heads.length === 2 && features.length === 1;
    return [
      {
        kernel: dbHeadKernel(
          { label: name, height, width, channels, outputs, merged, mask: mask !== undefined, k },
          { precision, pixels: headPixels, quads },
        ),
        resources: [
          ...tensors(...features),
          ...constants(...constantNames(operation)),
          ...tensors(...dbHead.outputs(operation)),
        ],
      },
    ];
  },
  fields: {
    name,
    outputs: list(name, { from: 1, to: 3 }),
    // Only a pass asks for it.
    mask: nothing,
    features: list(name, { from: 1, to: 2 }),
    channels: channelCount,
    k: kind<number>('a positive number', (value) => typeof value === 'number' && value > 0 && value <= 1e6),
    heads: list(
      record<Head>({
        up1: record<Head['up1']>({ weight: name, bias: optional(name), norm: optional(name) }),
        up2: record<Head['up2']>({ weight: name, bias: name }),
      }),
      { from: 1, to: 2 },
    ),
  },
};

/** Those of P alone and of both heads differ. */
const constantNames = ({ name, heads }: DbHeadOperation): [string, string] => {
  const form = `${name}.${heads.length === 1 ? 'P' : 'PTB'}`;
  return [`${form}.weights`, `${form}.bias`];
};
