/** @file Max-pooling. */

import { whole } from '../../check.ts';
import { maxPool as maxPoolKernel } from '../../kernels/max-pool.ts';
import { name, type Padding, padding } from '../fields.ts';
import { expectFit, type OperationKind, slide, tensors } from '../operation.ts';

export interface MaxPoolOperation {
  op: 'maxPool';
  name: string;
  output: string;
  input: string;
  /** Side of the square window. */
  kernel: number;
  stride: number;
  /** How far windows reach beyond the input, less than a window; what lies outside takes no part. */
  padding: Padding;
}

export const maxPool: OperationKind<MaxPoolOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  shapes(operation, shapeOf) {
    const { input, kernel, padding } = operation;
    const source = shapeOf(input);
    expectFit(operation, source.planes === 1, 'an image');
    expectFit(
      operation,
      Object.values(padding).every((side) => side < kernel),
      'a padding that is less than the window',
    );
    return [{ ...slide(source, operation), channels: source.channels, planes: 1 }];
  },
  lower(operation, shapeOf, choice) {
    const { name: label, input, output, kernel, stride, padding } = operation;
    const { height: outHeight, width: outWidth } = shapeOf(output);
    return [
      {
        kernel: maxPoolKernel(
          { label, ...shapeOf(input), outHeight, outWidth, kernel, stride, padding },
          choice,
        ),
        resources: tensors(input, output),
      },
    ];
  },
  fields: { name, output: name, input: name, kernel: whole(1, 31), stride: whole(1, 8), padding },
};
