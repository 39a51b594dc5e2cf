/** @file Shorthand in which networks are written down. */

import type { Conv2dOperation } from '../graph/operations/conv2d.ts';
import type { DeformConv2dOperation } from '../graph/operations/deform-conv2d.ts';
import { offsetChannels } from '../kernels/deform-conv2d.ts';

interface ConvOptions {
  kernel?: number;
  stride?: number;
  /** Prefix of the batch norm's parameters. */
  norm?: string;
  /** Tensor that is added. */
  residual?: string;
  relu?: boolean;
}

/** Channels of a convolution: in and out. */
type Channels = readonly [inChannels: number, outChannels: number];

/** A convolution with the batch norm `norm`, named by its weight. Padded so that a stride of 1 keeps the size. */
export function conv(
  output: string,
  input: string,
  weight: string,
  [inChannels, outChannels]: Channels,
  { kernel = 3, stride = 1, ...after }: ConvOptions = {},
): Conv2dOperation {
  return {
    op: 'conv2d',
    name: nameOf(weight),
    output,
    sources: [{ tensor: input, weight, inChannels, kernel, stride, padding: around((kernel - 1) / 2) }],
    outChannels,
    ...epilogue(after),
  };
}

/** Where the offsets of deformable convolutions come from. */
export interface Deformable {
  /** Prefix of the parameters of the convolution that computes them, for that of the deformable one. */
  offsets: (conv: string) => string;
  /** Whether that convolution has the stride of the deformable one, as it should; 1 if not, see `flatOffsets`. */
  strided: boolean;
}

/** A deformable convolution 3x3 and the one that computes its offsets; a plain one where `deformable` is not given. */
export function conv3x3(
  output: string,
  input: string,
  weight: string,
  channels: Channels,
  { stride = 1, ...after }: Omit<ConvOptions, 'kernel'>,
  deformable: Deformable | undefined,
): (Conv2dOperation | DeformConv2dOperation)[] {
  if (!deformable) return [conv(output, input, weight, channels, { stride, ...after })];
  const [inChannels, outChannels] = channels;
  const name = nameOf(weight);
  const offsets = deformable.offsets(name);
  const step = deformable.strided ? stride : 1;
  return [
    {
      ...conv(offsets, input, `${offsets}.weight`, [inChannels, offsetChannels], {
        stride: step,
        relu: false,
      }),
      bias: `${offsets}.bias`,
    },
    {
      ...{ op: 'deformConv2d', name, output, input, offsets, flatOffsets: step !== stride },
      ...{ weight, inChannels, outChannels, stride, padding: around(1) },
      ...epilogue(after),
    },
  ];
}

const nameOf = (weight: string) => weight.replace(/\.weight$/, '');

const around = (side: number) => ({ top: side, left: side, bottom: side, right: side });

const epilogue = ({
  norm,
  residual,
  relu = true,
}: Pick<ConvOptions, 'norm' | 'residual' | 'relu'>): Pick<
  Conv2dOperation,
  'norm' | 'residuals' | 'activation'
> => ({
  norm,
  residuals: residual === undefined ? [] : [{ tensor: residual, kind: 'same' }],
  activation: relu ? 'relu' : 'none',
});
