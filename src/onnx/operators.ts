/** @file What each operator of ONNX that a DBNet may hold means. Opsets 9 to 20. */

import { largestHalf } from '../kernels/half.ts';
import type { Size } from '../size.ts';
import {
  type Constant,
  countOf,
  fixedNumbers,
  isFloat,
  isFoldable,
  listOf,
  sliceOfShape,
  wholeNumbers,
} from './constants.ts';
import type { OnnxNode } from './model.ts';
import { axisOf, list, number, refuse, text } from './node.ts';
import {
  affine,
  collapse,
  expectSameShape,
  isBare,
  isNeverNegative,
  type Padding,
  type PerChannel,
  type Terms,
  type Value,
  type Window,
} from './terms.ts';

export type Operand = Value | Constant;

export const isValue = (operand: Operand | undefined): operand is Value =>
  operand !== undefined && 'term' in operand;

export interface Application {
  node: OnnxNode;
  /** Undefined where an optional input is left out. */
  inputs: readonly (Operand | undefined)[];
  terms: Terms;
  opset: number;
}

/** The value of a node whose inputs are not all constants. @throws Refusal */
export function applyOperator(application: Application): Operand {
  const { op } = application.node;
  return Object.hasOwn(operators, op)
    ? operators[op](application)
    : refuse(isFoldable(application.node) ? 'an input that is computed from the image' : unknownOperator);
}

/** Why an operator is refused that nothing is known of. */
export const unknownOperator = 'an operator that is not known';

/** Whether an operator may be applied to what is computed from the image. */
export const isKnown = ({ op }: OnnxNode): boolean => Object.hasOwn(operators, op);

const operators: Readonly<Record<string, (application: Application) => Operand>> = {
  Identity: ({ inputs }) => valueAt(inputs, 0),
  Dropout({ inputs }) {
    const training = inputs[2];
    const isOff = training === undefined || constantAt(inputs, 2).values(0)[0] === 0;
    return isOff ? valueAt(inputs, 0) : refuse('training_mode');
  },
  Cast({ node, inputs }) {
    const to = number(node, 'to', 0);
    return isFloat(to) ? valueAt(inputs, 0) : refuse(`a cast to type ${to}`);
  },
  Shape({ node, inputs }) {
    const { channels, sizes } = valueAt(inputs, 0).term;
    return wholeNumbers(sizes.map(({ height, width }) => sliceOfShape(node, [1, channels, height, width])));
  },

  Conv: convolution,
  ConvTranspose: transposedConvolution,
  BatchNormalization({ node, inputs }) {
    if (number(node, 'training_mode', 0) !== 0) refuse('training_mode');
    const value = valueAt(inputs, 0);
    const epsilon = number(node, 'epsilon', 1e-5);
    const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => {
      const part = constantAt(inputs, i);
      if (String(part.shape) !== String([value.term.channels])) refuse(`statistics of shape [${part.shape}]`);
      return part.values(0);
    });
    const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i] + epsilon));
    const shift = scale.map((s, i) => beta[i] - s * mean[i]);
    return affine(value, finite(scale), finite(shift));
  },

  Add: ({ inputs, terms }) => sum(terms, operandAt(inputs, 0), operandAt(inputs, 1)),
  Sum: ({ inputs, terms }) =>
    inputs
      .slice(1)
      .reduce<Operand>((all, _, i) => sum(terms, all, operandAt(inputs, i + 1)), operandAt(inputs, 0)),
  Sub({ inputs, terms }) {
    const [a, b] = [operandAt(inputs, 0), operandAt(inputs, 1)];
    if (isValue(b)) return sum(terms, a, affine(b, -1, 0));
    const value = valueAt(inputs, 0);
    return affine(
      value,
      1,
      map(perChannel(b, value), (number) => -number),
    );
  },
  Neg: ({ inputs }) => affine(valueAt(inputs, 0), -1, 0),
  Mul({ inputs, terms }) {
    const [a, b] = [operandAt(inputs, 0), operandAt(inputs, 1)];
    if (isValue(a) && isValue(b)) {
      expectSameChannels(a, b);
      return terms.product(a, b);
    }
    const [value, factor] = (isValue(a) ? [a, b] : [b, a]) as [Value, Constant];
    return affine(value, perChannel(factor, value), 0);
  },
  Div({ inputs, terms }) {
    const [a, b] = [operandAt(inputs, 0), operandAt(inputs, 1)];
    if (!isValue(b)) {
      const value = valueAt(inputs, 0);
      return affine(value, finite(map(perChannel(b, value), (number) => 1 / number)), 0);
    }
    return isValue(a)
      ? refuse('a quotient of two tensors')
      : affine(reciprocal(terms, b), perChannel(a, b), 0);
  },
  Reciprocal: ({ inputs, terms }) => reciprocal(terms, valueAt(inputs, 0)),

  Relu: ({ inputs, terms }) => terms.relu(valueAt(inputs, 0)),
  Clip({ node, inputs, terms }) {
    const bound = (name: string, input: number, otherwise: number) => {
      const given = inputs[input] ? scalar(constantAt(inputs, input), name) : number(node, name, otherwise);
      // From the largest number of f16 on nothing is cut.
      return Math.abs(given) >= largestHalf ? otherwise : given;
    };
    return terms.clip(valueAt(inputs, 0), bound('min', 1, -Infinity), bound('max', 2, Infinity));
  },
  Max: ({ inputs, terms }) => {
    const [value, bound] = valueAndBound(inputs);
    return terms.clip(value, bound, Infinity);
  },
  Min: ({ inputs, terms }) => {
    const [value, bound] = valueAndBound(inputs);
    return terms.clip(value, -Infinity, bound);
  },
  HardSigmoid({ node, inputs, terms }) {
    const inside = affine(valueAt(inputs, 0), number(node, 'alpha', 0.2), number(node, 'beta', 0.5));
    return terms.clip(inside, 0, 1);
  },
  HardSwish: ({ inputs, terms }) =>
    terms.like({ kind: 'activation', input: valueAt(inputs, 0), activation: 'hardswish' }),
  Gelu({ node, inputs, terms }) {
    const approximate = text(node, 'approximate', 'none');
    if (approximate !== 'none') refuse(`approximate '${approximate}': GELU is known in its exact form`);
    return terms.like({ kind: 'activation', input: valueAt(inputs, 0), activation: 'gelu' });
  },
  Erf: ({ inputs, terms }) => terms.erf(valueAt(inputs, 0)),
  Exp: ({ inputs, terms }) => terms.like({ kind: 'exp', input: valueAt(inputs, 0) }),
  Sigmoid: ({ inputs, terms }) => terms.like({ kind: 'sigmoid', input: valueAt(inputs, 0) }),

  GlobalAveragePool: ({ inputs, terms }) => mean(terms, valueAt(inputs, 0)),
  ReduceMean({ node, inputs, terms }) {
    const axes = listOf(node, 'axes', inputs[1] && constantAt(inputs, 1))?.map((axis) => axisOf(axis, 4));
    const isSpatial = axes?.length === 2 && axes.includes(2) && axes.includes(3);
    if (!isSpatial || number(node, 'keepdims', 1) !== 1) refuse('a mean that is not of all pixels');
    return mean(terms, valueAt(inputs, 0));
  },
  MaxPool({ node, inputs, terms }) {
    const { input, padding: before, fill } = padded(valueAt(inputs, 0));
    // What lies outside takes no part in a maximum: so does 0 where nothing is below it.
    if (fill !== undefined && fill !== -Infinity && !(fill === 0 && isNeverNegative(input))) {
      refuse(`a maximum over a padding of ${fill}`);
    }
    const window = windowOf(node, list(node, 'kernel_shape') ?? [], input.term.sizes, before);
    const { kernel, stride, padding } = window;
    if (Math.max(...Object.values(padding)) >= kernel) refuse('a padding as large as the kernel');
    const { sizes, channels } = input.term;
    const after = sizes.map((size) => sizeAfter(size, window));
    if (number(node, 'ceil_mode', 0) !== 0) {
      const isWhole = sizes.every(
        ({ height, width }) =>
          (height + padding.top + padding.bottom - kernel) % stride === 0 &&
          (width + padding.left + padding.right - kernel) % stride === 0,
      );
      if (!isWhole) refuse('ceil_mode where it makes a difference');
    }
    return terms.make({ kind: 'maxPool', input, window }, { channels, sizes: after });
  },
  Pad({ node, inputs, terms }) {
    const input = valueAt(inputs, 0);
    const mode = text(node, 'mode', 'constant');
    if (mode !== 'constant') refuse(`mode '${mode}'`);
    const pads = listOf(node, 'pads', inputs[1] && constantAt(inputs, 1)) ?? [];
    const axes = inputs[3]
      ? fixedNumbers(constantAt(inputs, 3), 'axes')
      : pads.slice(pads.length / 2).map((_, i) => i);
    const sides: number[] = Array(8).fill(0);
    axes.forEach((axis, i) => {
      const place = axisOf(axis, 4);
      sides[place] = pads[i];
      sides[place + 4] = pads[i + axes.length];
    });
    const [, , top, left, , , bottom, right] = sides;
    if (sides[0] || sides[1] || sides[4] || sides[5] || sides.some((side) => !(side >= 0))) {
      refuse(`pads [${pads}]`);
    }
    const padding = { top, left, bottom, right };
    if (sides.every((side) => side === 0)) return input;
    const value = inputs[2] ? scalar(constantAt(inputs, 2), 'constant_value') : number(node, 'value', 0);
    const sizes = input.term.sizes.map((size) => sizeAfter(size, { kernel: 1, stride: 1, padding }));
    const fill = value <= -largestHalf ? -Infinity : value;
    return terms.make({ kind: 'pad', input, padding, fill }, { channels: input.term.channels, sizes });
  },
  Resize: resize,
  Upsample: resize,
  Concat({ node, inputs, terms }) {
    const values = inputs.map((_, i) => valueAt(inputs, i));
    if (axisOf(number(node, 'axis', 0), 4) !== 1) refuse('an axis that is not that of the channels');
    if (values.length === 1) return values[0];
    const { sizes } = values[0].term;
    if (values.some(({ term }) => String(term.sizes.map(sides)) !== String(sizes.map(sides)))) {
      refuse('tensors of different sizes');
    }
    const channels = values.reduce((sum, { term }) => sum + term.channels, 0);
    return terms.make({ kind: 'concat', inputs: values }, { channels: expectChannels(channels), sizes });
  },
};

const sides = ({ height, width }: Size): number[] => [height, width];

function operandAt(inputs: Application['inputs'], i: number): Operand {
  return inputs[i] ?? refuse(`an input ${i} that is missing`);
}

function valueAt(inputs: Application['inputs'], i: number): Value {
  const operand = operandAt(inputs, i);
  return isValue(operand) ? operand : refuse(`a constant as input ${i}`);
}

function constantAt(inputs: Application['inputs'], i: number): Constant {
  const operand = operandAt(inputs, i);
  return isValue(operand) ? refuse(`an input ${i} that is no constant`) : operand;
}

/** A constant of one number. */
function scalar(constant: Constant, name: string): number {
  const numbers = fixedNumbers(constant, name);
  return numbers.length === 1 ? numbers[0] : refuse(`${name} of ${numbers.length} numbers`);
}

/** Numbers that are finite. */
function finite(numbers: PerChannel): PerChannel {
  const all = typeof numbers === 'number' ? [numbers] : numbers;
  if (!all.every(Number.isFinite)) refuse('numbers that are not finite: the file is damaged');
  return typeof numbers === 'number' ? numbers : collapse(numbers);
}

const map = (numbers: PerChannel, f: (number: number) => number): PerChannel =>
  typeof numbers === 'number' ? f(numbers) : numbers.map(f);

/** A constant that has one number, or one for each channel of a value. */
function perChannel(constant: Constant, { term }: Value): PerChannel {
  const { shape } = constant;
  const four = [...Array<number>(Math.max(0, 4 - shape.length)).fill(1), ...shape];
  const fits =
    four.length === 4 && four.every((side, axis) => side === 1 || (axis === 1 && side === term.channels));
  if (!fits || constant.isPerSize) refuse(`a constant of shape [${shape}], not one number per channel`);
  return finite(Float64Array.from(constant.values(0)));
}

function sum(terms: Terms, a: Operand, b: Operand): Value {
  if (isValue(a)) return isValue(b) ? terms.sum(a, b) : affine(a, 1, perChannel(b, a));
  return isValue(b) ? affine(b, 1, perChannel(a, b)) : refuse('a sum of constants');
}

/** Those of a product may have other sizes: one has a pixel for all. */
function expectSameChannels(a: Value, b: Value): void {
  const isPixel = ({ term }: Value) => term.sizes.every(({ height, width }) => height === 1 && width === 1);
  if (a.term.channels !== b.term.channels || !(isPixel(a) || isPixel(b))) expectSameShape(a, b);
}

/** 1 / (1 + exp(-x)): all that a reciprocal may be of. */
function reciprocal(terms: Terms, value: Value): Value {
  const { term, scale, shift } = value;
  if (term.kind !== 'exp' || scale !== 1 || shift !== 1) refuse('a quotient that is no sigmoid');
  return terms.like({ kind: 'sigmoid', input: affine((term as { input: Value }).input, -1, 0) });
}

/** The tensor of a maximum or minimum, and the number that bounds it. */
function valueAndBound(inputs: Application['inputs']): [Value, number] {
  const operands = inputs.map((_, i) => operandAt(inputs, i));
  const [a, b] = operands;
  if (operands.length !== 2 || (isValue(a) && isValue(b)))
    refuse('something else than a tensor and a number');
  return isValue(a) ? [a, scalar(b as Constant, 'bound')] : [b as Value, scalar(a, 'bound')];
}

function mean(terms: Terms, input: Value): Value {
  const { channels, sizes } = input.term;
  return terms.make({ kind: 'mean', input }, { channels, sizes: sizes.map(() => ({ height: 1, width: 1 })) });
}

function expectChannels(channels: number): number {
  return channels >= 1 && channels <= mostChannels ? channels : refuse(`${channels} channels`);
}

const mostChannels = 65_536;
const largestKernel = 31;
const largestStride = 8;
const largestPadding = 15;

function convolution({ node, inputs, terms }: Application): Value {
  const { input, padding: before, fill } = padded(valueAt(inputs, 0));
  if (fill !== undefined && fill !== 0) refuse(`a padding of ${fill}`);
  const weight = constantAt(inputs, 1);
  const { channels, sizes } = input.term;
  const [outputs, perGroup, ...kernel] = weight.shape;
  const shape = list(node, 'kernel_shape') ?? kernel;
  if (weight.shape.length !== 4 || String(shape) !== String(kernel))
    refuse(`weights of shape [${weight.shape}]`);
  const groups = number(node, 'group', 1);
  const isDepthwise = groups > 1 && groups === channels && outputs === channels;
  if (groups !== 1 && !isDepthwise) refuse(`${groups} groups of ${channels} channels`);
  if (perGroup * groups !== channels) refuse(`weights for ${perGroup * groups} channels of ${channels}`);
  const window = windowOf(node, kernel, sizes, before);
  const value = terms.make(
    { kind: 'conv', input, weight, window, isDepthwise },
    { channels: expectChannels(outputs), sizes: sizes.map((size) => sizeAfter(size, window)) },
  );
  return biased(value, inputs);
}

function transposedConvolution({ node, inputs, terms }: Application): Value {
  const input = valueAt(inputs, 0);
  const weight = constantAt(inputs, 1);
  const { channels, sizes } = input.term;
  const [inputsOfWeight, outputs, ...kernel] = weight.shape;
  const attribute = (name: string, otherwise: number) => String(list(node, name) ?? [otherwise, otherwise]);
  const fits =
    String(kernel) === '2,2' &&
    attribute('strides', 1) === '2,2' &&
    attribute('dilations', 1) === '1,1' &&
    attribute('output_padding', 0) === '0,0' &&
    (list(node, 'pads') ?? []).every((pad) => pad === 0) &&
    !node.attributes.has('output_shape') &&
    number(node, 'group', 1) === 1;
  if (!fits) refuse('a transposed convolution that is not 2x2 of stride 2');
  if (inputsOfWeight !== channels) refuse(`weights for ${inputsOfWeight} channels of ${channels}`);
  const value = terms.make(
    { kind: 'up', input, weight },
    {
      channels: expectChannels(outputs),
      sizes: sizes.map(({ height, width }) => ({ height: 2 * height, width: 2 * width })),
    },
  );
  return biased(value, inputs);
}

/** A convolution with the bias that is its third input. */
function biased(value: Value, inputs: Application['inputs']): Value {
  if (!inputs[2]) return value;
  const bias = constantAt(inputs, 2);
  if (String(bias.shape) !== String([value.term.channels])) refuse(`a bias of shape [${bias.shape}]`);
  return affine(value, 1, finite(Float64Array.from(bias.values(0))));
}

/** What a node reads through a `Pad`. */
function padded(value: Value): { input: Value; padding?: Padding; fill?: number } {
  const { term } = value;
  return term.kind === 'pad' && isBare(value) ? term : { input: value };
}

/** The window of a convolution or pooling of square kernels; a padding that was there before is added. */
function windowOf(
  node: OnnxNode,
  shape: readonly number[],
  sizes: readonly Size[],
  before: Padding = { top: 0, left: 0, bottom: 0, right: 0 },
): Window {
  const kernel = square(shape, 'a kernel', largestKernel);
  const stride = square(list(node, 'strides') ?? [1, 1], 'strides', largestStride);
  if (square(list(node, 'dilations') ?? [1, 1], 'dilations', largestKernel) !== 1) refuse('dilations');
  const { top, left, bottom, right } = before;
  const inside = sizes.map((size) => sizeAfter(size, { kernel: 1, stride: 1, padding: before }));
  const own = paddingOf(node, { kernel, stride }, inside);
  const padding = {
    top: top + own.top,
    left: left + own.left,
    bottom: bottom + own.bottom,
    right: right + own.right,
  };
  if (
    !Object.values(padding).every((side) => Number.isInteger(side) && side >= 0 && side <= largestPadding)
  ) {
    refuse(`pads [${Object.values(padding)}]`);
  }
  return { kernel, stride, padding };
}

function square(sides: readonly number[], name: string, most: number): number {
  const [side] = sides;
  const fits = sides.length === 2 && side === sides[1] && Number.isInteger(side) && side >= 1 && side <= most;
  return fits ? side : refuse(`${name} of [${sides}]`);
}

function paddingOf(
  node: OnnxNode,
  { kernel, stride }: Omit<Window, 'padding'>,
  sizes: readonly Size[],
): Padding {
  const mode = text(node, 'auto_pad', 'NOTSET');
  if (mode === 'NOTSET' || mode === 'VALID') {
    const [top, left, bottom, right] = (mode === 'NOTSET' && list(node, 'pads')) || [0, 0, 0, 0];
    return { top, left, bottom, right };
  }
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') refuse(`auto_pad '${mode}'`);
  const totals = sizes
    .flatMap(sides)
    .map((side) => Math.max((Math.ceil(side / stride) - 1) * stride + kernel - side, 0));
  if (new Set(totals).size !== 1) refuse("a padding that depends on the image's size");
  const [less, more] = [Math.floor(totals[0] / 2), Math.ceil(totals[0] / 2)];
  const [before, after] = mode === 'SAME_UPPER' ? [less, more] : [more, less];
  return { top: before, left: before, bottom: after, right: after };
}

function sizeAfter({ height, width }: Size, { kernel, stride, padding }: Window): Size {
  const side = (size: number) => Math.floor((size - kernel) / stride) + 1;
  const size = {
    height: side(height + padding.top + padding.bottom),
    width: side(width + padding.left + padding.right),
  };
  return size.height >= 1 && size.width >= 1 ? size : refuse('a kernel larger than its input');
}

/** Nearest upsampling by a whole factor: `Resize`, and `Upsample` of opset 9. */
function resize({ node, inputs, terms, opset }: Application): Value {
  const input = valueAt(inputs, 0);
  const mode = text(node, 'mode', 'nearest');
  if (mode !== 'nearest') refuse(`mode '${mode}': only nearest upsampling is known`);
  const factor = factorOf(node, inputs, input, opset);
  if (!repeatsPixels(node, factor, opset)) refuse('a nearest upsampling that does not repeat every pixel');
  const { channels, sizes } = input.term;
  if (factor === 1) return input;
  const after = sizes.map(({ height, width }) => ({ height: height * factor, width: width * factor }));
  if (after.flatMap(sides).some((side) => side > largestSide))
    refuse('a tensor that is larger than any image');
  return terms.make({ kind: 'upsample', input, factor }, { channels, sizes: after });
}

const largestFactor = 32;
const largestSide = 65_536;

function factorOf(node: OnnxNode, inputs: Application['inputs'], input: Value, opset: number): number {
  const [scalesAt, sizesAt] = node.op === 'Upsample' || opset < 11 ? [1, -1] : [2, 3];
  const axes = list(node, 'axes')?.map((axis) => axisOf(axis, 4)) ?? [0, 1, 2, 3];
  const given = (i: number, name: string) => {
    // What is left out may be an empty tensor.
    if (!inputs[i] || countOf(constantAt(inputs, i).shape) === 0) return undefined;
    const constant = constantAt(inputs, i);
    return countOf(constant.shape) === axes.length
      ? constant
      : refuse(`${name} of shape [${constant.shape}]`);
  };
  const scales = given(scalesAt, 'scales');
  const wanted = given(sizesAt, 'sizes');
  const factors = input.term.sizes.flatMap(({ height, width }, trial) => {
    const before = [1, input.term.channels, height, width];
    const stated = scales
      ? scales.values(trial)
      : wanted
        ? Array.from(wanted.values(trial), (side, i) => side / before[axes[i]])
        : (list(node, 'scales') ?? refuse('no scales'));
    if (stated.length !== axes.length) refuse(`scales [${stated}]`);
    const all = [1, 1, 1, 1];
    axes.forEach((axis, i) => {
      all[axis] = stated[i];
    });
    return all[0] === 1 && all[1] === 1 ? all.slice(2) : refuse(`scales [${all}]`);
  });
  const [factor] = factors;
  const isWhole = Number.isInteger(factor) && factor >= 1 && factor <= largestFactor;
  if (!isWhole || factors.some((other) => other !== factor))
    refuse(`scales [${factors.slice(0, 2)}], not one whole number`);
  return factor;
}

/** From a place in the result to one in the input, by `coordinate_transformation_mode`. */
const transformations: Readonly<Record<string, (i: number, factor: number) => number>> = {
  asymmetric: (i, factor) => i / factor,
  half_pixel: (i, factor) => (i + 0.5) / factor - 0.5,
  half_pixel_symmetric: (i, factor) => (i + 0.5) / factor - 0.5,
  pytorch_half_pixel: (i, factor) => (i + 0.5) / factor - 0.5,
  tf_half_pixel_for_nn: (i, factor) => (i + 0.5) / factor,
};

/** From a place to the index of a pixel, by `nearest_mode`. */
const roundings: Readonly<Record<string, (x: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
};

/** Whether the result is every pixel `factor` times. */
function repeatsPixels(node: OnnxNode, factor: number, opset: number): boolean {
  const isOld = node.op === 'Upsample' || opset < 11;
  const place = text(node, 'coordinate_transformation_mode', isOld ? 'asymmetric' : 'half_pixel');
  const rounding = text(node, 'nearest_mode', isOld ? 'floor' : 'round_prefer_floor');
  if (!Object.hasOwn(transformations, place) || !Object.hasOwn(roundings, rounding)) return false;
  const pixels = 4;
  return Array.from({ length: pixels * factor }, (_, i) => i).every((i) => {
    const pixel = roundings[rounding](transformations[place](i, factor));
    return Math.min(Math.max(pixel, 0), pixels - 1) === Math.floor(i / factor);
  });
}
