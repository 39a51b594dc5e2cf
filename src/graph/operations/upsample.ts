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

/** With the output as many buffers as every device can bind. */
const maxInputs = 7;

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
    const [height, width] = [shapes[0].height * scales[0], shapes[0].width * scales[0]];
    const fits = shapes.every(
      (shape, i) =>
        shape.height * scales[i] === height && shape.width * scales[i] === width && shape.planes === 1,
    );
    expectFit(
      operation,
      fits && scales.length === inputs.length,
      'a scale for each input that makes all as large',
    );
    const channels = shapes.reduce((sum, shape) => sum + shape.channels, 0);
    return [{ height, width, channels, planes: 1 }];
  },
  lower({ name: label, inputs, output, scales }, shapeOf, choice) {
    const { height, width } = shapeOf(output);
    const channels = inputs.map((input) => shapeOf(input).channels);
    return [
      {
        kernel: concatKernel({ label, height, width, channels, scales }, choice),
        resources: tensors(...inputs, output),
      },
    ];
  },
  fields: {
    name,
    output: name,
    inputs: list(name, { from: 1, to: maxInputs }),
    scales: list(whole(1, 32), { from: 1, to: maxInputs }),
  },
};
