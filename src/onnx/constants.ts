/**
 * @file What of an ONNX graph is known before it runs: stored tensors, and what is computed of them. The graph is looked
 * at for a few sizes of the image at once (trials), so that sizes are known as well: what follows from them is a constant
 * with numbers of its own for each trial.
 */

import type { OnnxNode, OnnxTensor } from './model.ts';
import { axisOf, list, mostListed, number, refuse, tensor } from './node.ts';

export type Numbers = Float32Array | Float64Array;

interface Tensor {
  shape: readonly number[];
  /** Division rounds towards zero. */
  isWhole: boolean;
  values: Numbers;
}

export interface Constant extends Omit<Tensor, 'values'> {
  /** Whether the numbers differ from trial to trial. */
  isPerSize: boolean;
  /** Not to be written to. A stored tensor is read at every call and not kept. */
  values(trial: number): Numbers;
}

/** Number of elements of a shape. */
export const countOf = (shape: readonly number[]): number =>
  shape.reduce((product, side) => product * side, 1);

/** A stored tensor. */
export const stored = (tensor: OnnxTensor): Constant => ({
  shape: tensor.shape,
  isWhole: isWholeType(tensor),
  isPerSize: false,
  values: () => tensor.numbers(),
});

const isWholeType = ({ dtype }: OnnxTensor): boolean => /INT|BOOL/.test(dtype);

/** What was computed for each trial, or once for all of them. */
function computed(trials: readonly Tensor[]): Constant {
  const [{ shape, isWhole, values }] = trials;
  if (trials.some((other) => String(other.shape) !== String(shape))) {
    refuse("a shape that depends on the image's size");
  }
  const isPerSize = trials.some((other) => other.values.some((value, i) => value !== values[i]));
  return { shape, isWhole, isPerSize, values: (trial) => trials[isPerSize ? trial : 0].values };
}

/** A list of whole numbers for each trial. */
export const wholeNumbers = (trials: readonly (readonly number[])[]): Constant =>
  computed(trials.map((row) => ({ shape: [row.length], isWhole: true, values: Float64Array.from(row) })));

/** The numbers of a constant that is the same for all sizes. */
export function fixedNumbers(constant: Constant, name: string): readonly number[] {
  const count = countOf(constant.shape);
  if (count > mostListed) refuse(`${name} of ${count} numbers`);
  if (constant.isPerSize) refuse(`${name} that depends on the image's size`);
  return [...constant.values(0)];
}

/** The input of a node, or the attribute that older opsets have in its place. */
export function listOf(
  node: OnnxNode,
  name: string,
  input: Constant | undefined,
): readonly number[] | undefined {
  return input ? fixedNumbers(input, name) : list(node, name);
}

/** What a `Constant` node holds. */
function constantOf(node: OnnxNode): Constant {
  const value = tensor(node, 'value');
  if (value) return stored(value);
  for (const kind of ['int', 'float']) {
    const single = node.attributes.get(`value_${kind}`);
    const several = node.attributes.get(`value_${kind}s`);
    const row = typeof single === 'number' ? [single] : several;
    if (!Array.isArray(row)) continue;
    const shape = typeof single === 'number' ? [] : [row.length];
    return computed([{ shape, isWhole: kind === 'int', values: Float64Array.from(row, Number) }]);
  }
  return refuse('a value that is no tensor of numbers');
}

/** Operators that change the shape of a constant, not its numbers. */
const reshaping: Readonly<
  Record<string, (shape: readonly number[], node: OnnxNode, second?: Constant) => readonly number[]>
> = {
  Identity: (shape) => shape,
  Dropout: (shape) => shape,
  Reshape(shape, node, second) {
    const wanted = listOf(node, 'shape', second) ?? [];
    const keepsZero = number(node, 'allowzero', 0) === 1;
    const sides = wanted.map((side, i) => (side === 0 && !keepsZero ? (shape[i] ?? 0) : side));
    const rest = countOf(sides.filter((side) => side !== -1));
    return sides.map((side) => (side === -1 ? countOf(shape) / rest : side));
  },
  Squeeze(shape, node, second) {
    const axes = listOf(node, 'axes', second)?.map((axis) => axisOf(axis, shape.length));
    return shape.filter((side, i) => (axes ? !axes.includes(i) : side !== 1));
  },
  Unsqueeze(shape, node, second) {
    const axes = listOf(node, 'axes', second) ?? [];
    const rank = shape.length + axes.length;
    const places = axes.map((axis) => axisOf(axis, rank));
    const rest = [...shape];
    return Array.from({ length: rank }, (_, i) => (places.includes(i) ? 1 : (rest.shift() ?? 1)));
  },
};

/** Makes a tensor of a type, element by element. */
type Make = (
  like: Pick<Tensor, 'isWhole' | 'values'>,
  shape: readonly number[],
  at: (i: number) => number,
) => Tensor;

type Compute = (inputs: readonly Tensor[], node: OnnxNode, make: Make) => Tensor;

/** Operators that compute new numbers. */
const computing: Readonly<Record<string, Compute>> = {
  Add: combined((a, b) => a + b),
  Sub: combined((a, b) => a - b),
  Mul: combined((a, b) => a * b),
  Div: combined(
    (a, b) => a / b,
    (a, b) => Math.trunc(a / b),
  ),
  Neg: each((value) => -value),
  Sqrt: each(Math.sqrt),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Cast([x], node, make) {
    const isWhole = !isFloat(number(node, 'to', 0));
    const { values } = x;
    return make({ isWhole, values }, x.shape, (i) => (isWhole ? Math.trunc(values[i]) : values[i]));
  },
  Transpose([x], node, make) {
    const { shape } = x;
    const order = list(node, 'perm') ?? shape.map((_, i) => shape.length - 1 - i);
    const axes = order.map((axis) => axisOf(axis, shape.length));
    if (axes.length !== shape.length || new Set(axes).size !== axes.length) refuse('perm that is no order');
    const strides = stridesOf(shape);
    const source = strided(
      axes.map((axis) => shape[axis]),
      axes.map((axis) => strides[axis]),
    );
    return make(
      x,
      axes.map((axis) => shape[axis]),
      (i) => x.values[source(i)],
    );
  },
  Slice([x, ...bounds], node, make) {
    const [starts, ends, axes, steps] = ['starts', 'ends', 'axes', 'steps'].map((name, i) =>
      bounds[i] ? [...bounds[i].values.subarray(0, mostListed)] : list(node, name),
    );
    const shape = [...x.shape];
    const strides = stridesOf(x.shape);
    let first = 0;
    starts?.forEach((from, i) => {
      const axis = axisOf(axes?.[i] ?? i, shape.length);
      const [side, stride, step] = [x.shape[axis], strides[axis], steps?.[i] ?? 1];
      if (step === 0) refuse('a step of 0');
      const [low, high] = step > 0 ? [0, side] : [-1, side - 1];
      const place = (index: number, least: number) =>
        Math.min(Math.max(index < 0 ? index + side : index, least), high);
      const start = place(from, Math.max(low, 0));
      first += start * stride;
      shape[axis] = Math.max(0, Math.ceil((place(ends?.[i] ?? side, low) - start) / step));
      strides[axis] = stride * step;
    });
    const source = strided(shape, strides);
    return make(x, shape, (i) => x.values[first + source(i)]);
  },
  Gather(inputs, node, make) {
    const [x, indices] = both(inputs);
    const axis = axisOf(number(node, 'axis', 0), x.shape.length);
    const side = x.shape[axis];
    const inner = countOf(x.shape.slice(axis + 1));
    const chosen = Array.from(indices.values, (index) => axisOf(index, side));
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return make(x, shape, (i) => {
      const row = Math.floor(i / inner);
      const outer = Math.floor(row / chosen.length);
      return x.values[(outer * side + chosen[row % chosen.length]) * inner + (i % inner)];
    });
  },
  Concat(inputs, node, make) {
    const [x] = inputs;
    const axis = axisOf(number(node, 'axis', 0), x.shape.length);
    const rest = ({ shape }: Tensor) => String(shape.with(axis, 0));
    if (inputs.some((input) => input?.shape.length !== x.shape.length || rest(input) !== rest(x))) {
      refuse('inputs that do not fit together');
    }
    const rows = inputs.map(({ shape }) => countOf(shape.slice(axis)));
    const together = rows.reduce((sum, row) => sum + row, 0);
    const side = inputs.reduce((sum, { shape }) => sum + shape[axis], 0);
    return make(x, x.shape.with(axis, side), (i) => {
      const outer = Math.floor(i / together);
      let at = i % together;
      let k = 0;
      while (at >= rows[k]) at -= rows[k++];
      return inputs[k].values[outer * rows[k] + at];
    });
  },
  ConstantOfShape([{ values }], node, make) {
    const fill = tensor(node, 'value');
    const filling = fill?.numbers()[0] ?? 0;
    return make({ isWhole: fill !== undefined && isWholeType(fill), values }, [...values], () => filling);
  },
};

/** The two inputs of an operator. */
function both([a, b]: readonly Tensor[]): readonly [Tensor, Tensor] {
  return a && b ? [a, b] : refuse('an input that is missing');
}

function each(f: (value: number) => number): Compute {
  return ([x], _, make) => make(x, x.shape, (i) => f(x.values[i]));
}

/** An operator of two tensors whose sides of 1 are repeated. */
function combined(f: (a: number, b: number) => number, ofWhole = f): Compute {
  return (inputs, _, make) => {
    const [a, b] = both(inputs);
    const rank = Math.max(a.shape.length, b.shape.length);
    const sides = [a, b].map(({ shape }) => [...Array<number>(rank - shape.length).fill(1), ...shape]);
    const shape = sides[0].map((side, i) => (side === 1 ? sides[1][i] : side));
    const [ofA, ofB] = sides.map((own) => {
      if (own.some((side, i) => side !== 1 && side !== shape[i])) refuse('inputs that do not fit together');
      const strides = stridesOf(own);
      return strided(
        shape,
        strides.map((stride, i) => (own[i] === 1 ? 0 : stride)),
      );
    });
    const g = a.isWhole ? ofWhole : f;
    return make(a, shape, (i) => g(a.values[ofA(i)], b.values[ofB(i)]));
  };
}

/** By how many elements one step along each axis moves. */
function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => countOf(shape.slice(axis + 1)));
}

/** From an index into a tensor of a shape to that into one with other strides. */
function strided(shape: readonly number[], strides: readonly number[]): (i: number) => number {
  return (i) => {
    let at = 0;
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (rest % shape[axis]) * strides[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    return at;
  };
}

/** TensorProto.DataType: FLOAT, FLOAT16, DOUBLE, BFLOAT16. */
const floatTypes: readonly number[] = [1, 10, 11, 16];

/** Whether numbers of a type of ONNX have fractions. */
export const isFloat = (dtype: number): boolean => floatTypes.includes(dtype);

/** How many numbers are read for each that may be made. */
const readsPerNumber = 4;

/**
 * Computes nodes whose inputs are constants.
 * @param budget how many numbers may be made in all, so that no file asks for more memory or time than its size warrants.
 */
export function folder(
  budget: number,
): (node: OnnxNode, inputs: readonly (Constant | undefined)[]) => Constant | undefined {
  let left = budget;
  let reads = readsPerNumber * budget;
  const make: Make = ({ isWhole, values: { BYTES_PER_ELEMENT: bytes } }, shape, at) => {
    const count = countOf(shape);
    expectShape(shape);
    left -= count;
    if (!(left >= 0)) refuse('constants that are larger than what the file holds');
    const values = bytes === 4 && !isWhole ? new Float32Array(count) : new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = at(i);
    return { shape, isWhole, values };
  };
  return (node, inputs) => {
    if (node.op === 'Constant') return constantOf(node);
    const [first, second] = inputs;
    if (!first) return undefined;
    if (node.op === 'Cast' && !first.isWhole && isFloat(number(node, 'to', 0))) return first;
    if (Object.hasOwn(reshaping, node.op)) {
      const shape = reshaping[node.op](first.shape, node, second);
      expectShape(shape);
      if (countOf(shape) !== countOf(first.shape)) refuse(`[${first.shape}] as [${shape}]`);
      return { ...first, shape };
    }
    if (node.op === 'Shape') return wholeNumbers([sliceOfShape(node, first.shape)]);
    if (!Object.hasOwn(computing, node.op)) return undefined;
    const trials = inputs.some((input) => input?.isPerSize) ? [0, 1] : [0];
    for (const input of inputs) reads -= trials.length * countOf(input?.shape ?? []);
    if (reads < 0) refuse('more work on constants than what the file holds is worth');
    return computed(
      trials.map((trial) => {
        const tensors = inputs.map((input) => input && { ...input, values: input.values(trial) });
        return computing[node.op](tensors as Tensor[], node, make);
      }),
    );
  };
}

function expectShape(shape: readonly number[]): void {
  const fits = shape.length <= mostListed && shape.every((side) => Number.isSafeInteger(side) && side >= 0);
  if (!fits) refuse(`a result of shape [${shape.slice(0, mostListed)}]`);
}

/** Whether an operator is known for constants. */
export const isFoldable = ({ op }: OnnxNode): boolean =>
  ['Constant', 'Shape'].includes(op) || Object.hasOwn(reshaping, op) || Object.hasOwn(computing, op);

/** What of a shape a `Shape` node gives. */
export const sliceOfShape = (node: OnnxNode, shape: readonly number[]): readonly number[] =>
  shape.slice(number(node, 'start', 0), number(node, 'end', shape.length));
