/** @file The stem's convolution (7x7, stride 2) with ReLU, and max-pooling. Made by a pass. */

import { packBias, packConvWeights } from '../../kernels/conv2d.ts';
import { stemPool as stemPoolKernel } from '../../kernels/stem-pool.ts';
import { constants, type OperationKind, tensors } from '../operation.ts';

export interface StemPoolOperation {
  op: 'stemPool';
  name: string;
  output: string;
  input: string;
  /** Parameters `[outChannels, 3, 7, 7]` and `[outChannels]`. */
  weight: string;
  bias: string;
  outChannels: number;
}

export const stemPool: OperationKind<StemPoolOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  shapes({ input, outChannels }, shapeOf) {
    const { height, width } = shapeOf(input);
    return [{ height: height / 4, width: width / 4, channels: outChannels, planes: 1 }];
  },
  constants: ({ name, weight, bias, outChannels }, source, precision) => [
    {
      name: `${name}.weights`,
      precision,
      data: () => packConvWeights({ sources: [window], outChannels }, [source(weight)]),
    },
    { name: `${name}.bias`, precision: 'f32', data: () => packBias(source(bias)) },
  ],
  lower({ name, input, output, outChannels }, shapeOf, choice) {
    const { height, width } = shapeOf(input);
    return [
      {
        kernel: stemPoolKernel({ label: name, height, width, outChannels }, choice),
        resources: [...tensors(input), ...constants(`${name}.weights`, `${name}.bias`), ...tensors(output)],
      },
    ];
  },
};

/** Packed weights do not depend on the size. */
const window = { height: 0, width: 0, channels: 3, kernel: 7, stride: 2, padding: { top: 3, left: 3 } };
