/** @file The two ways in which a pyramid joins its levels: upsampling and adding, upsampling and concatenating. Nearest. */

import { whole } from '../../check.ts';
import { upsampleAdd as addKernel } from '../../kernels/upsample-add.ts';
import { upsampleConcat as concatKernel } from '../../kernels/upsample-concat.ts';
import { list, name } from '../fields.ts';
import { expectFit, holds, type OperationKind, tensors } from '../operation.ts';

export interface UpsampleAddOperation {
  op: 'upsampleAdd';
  name: string;
  output: string;
  lateral: string;
  /** Half the size of `lateral`. */
  top: string;
}

export const upsampleAdd: OperationKind<UpsampleAddOperation> = {
  inputs: ({ lateral, top }) => [lateral, top],
  outputs: ({ output }) => [output],
  shapes(operation, shapeOf) {
    const [lateral, top] = [operation.lateral, operation.top].map(shapeOf);
    const fits =
      lateral.height === 2 * top.height && lateral.width === 2 * top.width && holds(lateral, top.channels);
    expectFit(operation, fits, 'a top of half the size of the lateral tensor and as many channels');
    return [lateral];
  },
  lower: ({ name: label, lateral, top, output }, shapeOf, choice) => [
    {
      kernel: addKernel({ label, ...shapeOf(output) }, choice),
      resources: tensors(lateral, top, output),
    },
  ],
  fields: { name, output: name, lateral: name, top: name },
};

export interface UpsampleConcatOperation {
  op: 'upsampleConcat';
  name: string;
  output: string;
  /** In the order of concatenation. */
  inputs: readonly string[];
  /** By how much each is upsampled; 1 for the largest. */
  scales: readonly number[];
}

export const upsampleConcat: OperationKind<UpsampleConcatOperation> = {
  inputs: ({ inputs }) => inputs,
  outputs: ({ output }) => [output],
  shapes(operation, shapeOf) {
    const { inputs, scales } = operation;
    const shapes = inputs.map(shapeOf);
    const { channels } = shapes[0];
    const [height, width] = [shapes[0].height * scales[0], shapes[0].width * scales[0]];
    const fits = shapes.every(
      (shape, i) =>
        shape.height * scales[i] === height && shape.width * scales[i] === width && holds(shape, channels),
    );
    expectFit(operation, channels % 4 === 0, 'inputs whose channels are a multiple of 4');
    expectFit(operation, fits, 'inputs of the same channels, and a scale for each that makes them as large');
    return [{ height, width, channels: channels * inputs.length, planes: 1 }];
  },
  lower({ name: label, inputs, output, scales }, shapeOf, choice) {
    const { height, width } = shapeOf(output);
    const { channels } = shapeOf(inputs[0]);
    return [
      {
        kernel: concatKernel({ label, height, width, channels, scales }, choice),
        resources: tensors(...inputs, output),
      },
    ];
  },
  fields: { name, output: name, inputs: list(name, { from: 1 }), scales: list(whole(1, 32), { from: 1 }) },
};
