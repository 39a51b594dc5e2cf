/** @file The two ways in which a pyramid joins its levels: upsampling and adding, upsampling and concatenating. Nearest. */

import { whole } from '../../check.ts';
import { upsampleAdd as addKernel } from '../../kernels/upsample-add.ts';
import { upsampleConcat as concatKernel } from '../../kernels/upsample-concat.ts';
import { list, name } from '../fields.ts';
import { type OperationKind, tensors } from '../operation.ts';

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
  shapes: ({ lateral }, shapeOf) => [shapeOf(lateral)],
  lower: ({ name: label, lateral, top, output }, shapeOf, choice) => ({
    kernel: addKernel({ label, ...shapeOf(output) }, choice),
    resources: tensors(lateral, top, output),
  }),
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
  shapes({ inputs, scales }, shapeOf) {
    const { height, width, channels } = shapeOf(inputs[0]);
    return [
      { height: height * scales[0], width: width * scales[0], channels: channels * inputs.length, planes: 1 },
    ];
  },
  lower({ name: label, inputs, output, scales }, shapeOf, choice) {
    const { height, width } = shapeOf(output);
    const { channels } = shapeOf(inputs[0]);
    return {
      kernel: concatKernel({ label, height, width, channels, scales }, choice),
      resources: tensors(...inputs, output),
    };
  },
  fields: { name, output: name, inputs: list(name, { from: 1 }), scales: list(whole(1, 32), { from: 1 }) },
};
