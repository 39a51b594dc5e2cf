/** @file Max-pooling 3x3 of stride 2 and padding 1, as after the stem of a ResNet. */

import { maxPool as maxPoolKernel } from '../../kernels/max-pool.ts';
import { name } from '../fields.ts';
import { type OperationKind, tensors } from '../operation.ts';

export interface MaxPoolOperation {
  op: 'maxPool';
  name: string;
  output: string;
  input: string;
}

export const maxPool: OperationKind<MaxPoolOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  shapes({ input }, shapeOf) {
    const { height, width, channels } = shapeOf(input);
    return [{ height: height / 2, width: width / 2, channels, planes: 1 }];
  },
  lower: ({ name: label, input, output }, shapeOf, choice) => [
    {
      kernel: maxPoolKernel({ label, ...shapeOf(input) }, choice),
      resources: tensors(input, output),
    },
  ],
  fields: { name, output: name, input: name },
};
