/** @file The stem's convolution (7x7, stride 2) with ReLU, and max-pooling. Made by a pass. */

import type { Conv2d } from '../../kernels/conv2d-shape.ts';
import { packConvWeights } from '../../kernels/conv2d-weights.ts';
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
    { name: `${name}.weights`, precision, data: () => packConvWeights(stem(outChannels), [source(weight)]) },
    { name: `${name}.bias`, precision: 'f32', data: () => Float32Array.from(source(bias)) },
  ],
  lower({ name, input, output, outChannels }, shapeOf, choice) {
    const { height, width } = shapeOf(input);
    return {
      kernel: stemPoolKernel({ label: name, height, width, outChannels }, choice),
      resources: [...tensors(input), ...constants(`${name}.weights`, `${name}.bias`), ...tensors(output)],
    };
  },
};

const stem = (outChannels: number): Conv2d => ({
  label: 'stem',
  sources: [{ height: 0, width: 0, channels: 4, usedChannels: 3, kernel: 7, stride: 2, padding: 3 }],
  outHeight: 0,
  outWidth: 0,
  outChannels,
  bias: true,
  residuals: [],
  relu: true,
});
