/**
 * @file The three steps of a 3x3 convolution by Winograd's minimal filtering: input transform, products, output
 * transform with the epilogue. Made by a pass. Identity: `kernels/winograd.ts`.
 */

import { type WinogradSize, winogradPlanes, winogradTiles } from '../../kernels/winograd.ts';
import { winogradInput as inputKernel } from '../../kernels/winograd-input.ts';
import { winogradOutput as outputKernel } from '../../kernels/winograd-output.ts';
import {
  winogradProducts as productsKernel,
  type WinogradProducts,
} from '../../kernels/winograd-products.ts';
import { winogradGrowth, winogradWeights } from '../../kernels/winograd-weights.ts';
import { constants, factorsOf, type OperationKind, type TensorShape, tensors } from '../operation.ts';
import { biasConstant, type Epilogue, epilogueOf } from './conv2d.ts';

/** A tensor to `[plane, tile row, tile column, channels]`. */
export interface WinogradInputOperation {
  op: 'winogradInput';
  name: string;
  output: string;
  input: string;
  size: WinogradSize;
}

export const winogradInput: OperationKind<WinogradInputOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  shapes({ input, size }, shapeOf) {
    const shape = shapeOf(input);
    return [{ ...winogradTiles(size, shape), channels: shape.channels, planes: winogradPlanes(size) }];
  },
  lower: ({ name, input, output, size }, shapeOf, choice) => [
    {
      kernel: inputKernel({ label: name, ...shapeOf(input), size }, choice),
      resources: tensors(input, output),
    },
  ],
};

/** For each plane the product of tiles and transformed weights. */
export interface WinogradProductsOperation {
  op: 'winogradProducts';
  name: string;
  output: string;
  input: string;
  /** Parameter `[outChannels, inChannels, 3, 3]`. */
  weight: string;
  inChannels: number;
  outChannels: number;
  size: WinogradSize;
}

export const winogradProducts: OperationKind<WinogradProductsOperation> = {
  inputs: ({ input }) => [input],
  outputs: ({ output }) => [output],
  shapes: ({ input, outChannels }, shapeOf) => [{ ...shapeOf(input), channels: outChannels }],
  constants({ name, weight, inChannels: channels, outChannels, size }, source, precision) {
    const label = `${name}.weights`;
    const { values, scale } = factorsOf(source, weight);
    return [
      {
        name: label,
        precision,
        data: () => singles(values()),
        transform: {
          kernel: () => winogradWeights({ label, channels, outChannels, size }, { precision }),
          scale: () => new Float32Array(scale?.() ?? new Array(outChannels).fill(1)),
          growth: winogradGrowth(size),
        },
      },
    ];
  },
  lower(operation, shapeOf, choice) {
    const { name, input, output } = operation;
    const products = productsOf(operation, shapeOf(input));
    return [
      {
        kernel: productsKernel(products, { tile: choice.tile(products), precision: choice.precision }),
        resources: [...tensors(input), ...constants(`${name}.weights`), ...tensors(output)],
      },
    ];
  },
};

/** The numbers as f32, themselves where they are that already. */
const singles = (values: ArrayLike<number>): Float32Array<ArrayBuffer> =>
  (values instanceof Float32Array ? values : new Float32Array(values)) as Float32Array<ArrayBuffer>;

const productsOf = (
  { name: label, inChannels: channels, outChannels, size }: WinogradProductsOperation,
  { height, width }: Pick<TensorShape, 'height' | 'width'>,
): WinogradProducts => ({ label, planes: winogradPlanes(size), height, width, channels, outChannels });

/** The products back to an image, and the epilogue of the convolution. */
export interface WinogradOutputOperation extends Epilogue {
  op: 'winogradOutput';
  input: string;
  /** The tensor that the convolution was of: the output has its size. */
  like: string;
  size: WinogradSize;
}

export const winogradOutput: OperationKind<WinogradOutputOperation> = {
  inputs: ({ input, residuals }) => [input, ...residuals.map(({ tensor }) => tensor)],
  outputs: ({ output }) => [output],
  shapes: ({ like, outChannels }, shapeOf) => [{ ...shapeOf(like), channels: outChannels }],
  constants: biasConstant,
  lower(operation, shapeOf, choice) {
    const { name, input, output, bias, residuals, size } = operation;
    return [
      {
        kernel: outputKernel({ ...epilogueOf(operation, shapeOf), size }, choice),
        resources: [
          ...tensors(input),
          ...(bias ? constants(`${name}.bias`) : []),
          ...tensors(...residuals.map(({ tensor }) => tensor), output),
        ],
      },
    ];
  },
};
