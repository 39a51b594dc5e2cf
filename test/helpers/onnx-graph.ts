/** @file ONNX graphs for tests, node by node, and what they compute: an evaluator in f64 by the operators' definitions. */

import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from '../../src/onnx/model.ts';
import { randomFloats } from '../gpu/assert.ts';
import { erf } from '../gpu/references/activation.ts';

export interface Tensor {
  shape: readonly number[];
  data: Float64Array;
}

export function onnxTensor(
  shape: readonly number[],
  data: ArrayLike<number>,
  dtype: 'FLOAT' | 'INT64' = 'FLOAT',
): OnnxTensor {
  const numbers = dtype === 'FLOAT' ? Float32Array.from(data) : Float64Array.from(data);
  return { dtype, shape, size: numbers.length, numbers: () => numbers };
}

/** Writes a graph down. Values are named by numbers. */
export class OnnxGraph {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  readonly opset: number;
  readonly #asNodes: boolean;
  #names = 0;
  #seed = 1;

  /** @param asNodes weights are `Constant` nodes, not initializers. */
  constructor({ opset = 13, asNodes = false } = {}) {
    this.opset = opset;
    this.#asNodes = asNodes;
  }

  /** A node; gives the name of what it writes. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
    domain = '',
  ): string {
    const output = `v${this.#names++}`;
    this.nodes.push({
      op,
      domain,
      name: '',
      inputs,
      outputs: [output],
      attributes: new Map(Object.entries(attributes)),
    });
    return output;
  }

  tensor(shape: readonly number[], data: ArrayLike<number>, dtype?: 'FLOAT' | 'INT64'): string {
    const value = onnxTensor(shape, data, dtype);
    if (this.#asNodes) return this.node('Constant', [], { value });
    const name = `w${this.#names++}`;
    this.initializers.set(name, value);
    return name;
  }

  number = (value: number): string => this.tensor([], [value]);

  ints = (...values: readonly number[]): string => this.tensor([values.length], values, 'INT64');

  random(shape: readonly number[], low = -1, high = 1): string {
    const count = shape.reduce((product, side) => product * side, 1);
    return this.tensor(shape, randomFloats(count, this.#seed++, low, high));
  }

  conv(
    input: string,
    [inChannels, outChannels]: readonly [number, number],
    {
      kernel = 3,
      bias = true,
      ...attributes
    }: { kernel?: number; bias?: boolean } & Record<string, unknown> = {},
  ): string {
    const groups = (attributes.group as number | undefined) ?? 1;
    const spread = 2 / Math.sqrt((inChannels / groups) * kernel * kernel);
    const weight = this.random([outChannels, inChannels / groups, kernel, kernel], -spread, spread);
    const inputs = [input, weight, ...(bias ? [this.random([outChannels])] : [])];
    const side = (kernel - 1) / 2;
    const pads: Record<string, OnnxAttribute> = attributes.auto_pad ? {} : { pads: [side, side, side, side] };
    return this.node('Conv', inputs, { ...pads, ...(attributes as typeof pads) });
  }

  norm(input: string, channels: number, attributes: Record<string, OnnxAttribute> = {}): string {
    const [scale, shift, mean] = [0, 1, 2].map(() => this.random([channels], -1.5, 1.5));
    const variance = this.random([channels], 0.3, 2);
    return this.node('BatchNormalization', [input, scale, shift, mean, variance], attributes);
  }

  up(input: string, [inChannels, outChannels]: readonly [number, number], bias = true): string {
    const weight = this.random([inChannels, outChannels, 2, 2]);
    const inputs = [input, weight, ...(bias ? [this.random([outChannels])] : [])];
    return this.node('ConvTranspose', inputs, { kernel_shape: [2, 2], strides: [2, 2] });
  }

  /** A DB head on features of a quarter of the image's size. */
  head(features: string, channels: number): string {
    const relu = this.node('Relu', [this.up(features, [channels, channels])]);
    return this.node('Sigmoid', [this.up(relu, [channels, 1])]);
  }

  /** @param shape of the image. */
  model(
    outputs: string | readonly string[],
    { shape = [1, 3, undefined, undefined], dtype = 1 }: { shape?: OnnxValue['shape']; dtype?: number } = {},
  ): OnnxModel {
    return {
      opset: this.opset,
      producer: '',
      nodes: this.nodes,
      initializers: this.initializers,
      inputs: [{ name: 'image', shape, dtype }],
      outputs: [outputs].flat().map((name) => ({ name, shape: undefined, dtype: 1 })),
    };
  }
}

/** The first output, for an image `[1, 3, height, width]`. Nodes are in order. */
export function evaluateOnnx(model: OnnxModel, image: Tensor): Tensor[] {
  const values = new Map<string, Tensor>([[model.inputs[0].name, image]]);
  for (const [name, tensor] of model.initializers) values.set(name, plain(tensor));
  for (const node of model.nodes) {
    const inputs = node.inputs.map((name) => values.get(name));
    const operator = operators[node.op];
    if (!operator) throw new Error(`the evaluator lacks ${node.op}`);
    values.set(node.outputs[0], operator(inputs as Tensor[], node, model.opset));
  }
  return model.outputs.map(({ name }) => values.get(name)!);
}

const plain = (tensor: OnnxTensor): Tensor => ({
  shape: tensor.shape,
  data: Float64Array.from(tensor.numbers()),
});

type Operator = (inputs: readonly Tensor[], node: OnnxNode, opset: number) => Tensor;

const attribute = <T extends OnnxAttribute>(node: OnnxNode, name: string, otherwise: T): T =>
  (node.attributes.get(name) as T | undefined) ?? otherwise;

const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

const each =
  (f: (x: number) => number): Operator =>
  ([{ shape, data }]) => ({ shape, data: data.map(f) });

const pairs =
  (f: (a: number, b: number) => number): Operator =>
  ([a, b]) => {
    const rank = Math.max(a.shape.length, b.shape.length);
    const [left, right] = [a, b].map(({ shape }) => [
      ...Array<number>(rank - shape.length).fill(1),
      ...shape,
    ]);
    const shape = left.map((side, axis) => Math.max(side, right[axis]));
    const place = (own: readonly number[], index: readonly number[]) =>
      own.reduce((at, side, axis) => at * side + (side === 1 ? 0 : index[axis]), 0);
    const data = Float64Array.from({ length: count(shape) }, (_, i) => {
      const index = indexOf(i, shape);
      return f(a.data[place(left, index)], b.data[place(right, index)]);
    });
    return { shape, data };
  };

function indexOf(i: number, shape: readonly number[]): number[] {
  const index = [...shape];
  let rest = i;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return index;
}

const at = ({ shape, data }: Tensor, ...index: readonly number[]): number =>
  data[shape.reduce((place, side, axis) => place * side + index[axis], 0)];

const make = (shape: readonly number[], f: (...index: number[]) => number): Tensor => ({
  shape,
  data: Float64Array.from({ length: count(shape) }, (_, i) => f(...indexOf(i, shape))),
});

/** Padding by `pads` or `auto_pad`, per axis: before, after. */
function padsOf(
  node: OnnxNode,
  kernel: readonly number[],
  strides: readonly number[],
  size: readonly number[],
) {
  const mode = attribute<string>(node, 'auto_pad', 'NOTSET');
  const pads = attribute<readonly number[]>(node, 'pads', [0, 0, 0, 0]);
  return [0, 1].map((axis) => {
    if (!mode.startsWith('SAME')) return [pads[axis], pads[axis + 2]];
    const outputs = Math.ceil(size[axis] / strides[axis]);
    const total = Math.max(0, (outputs - 1) * strides[axis] + kernel[axis] - size[axis]);
    const less = Math.floor(total / 2);
    return mode === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
  });
}

/** Every window of a tensor: `f` is given a reader of its pixels, undefined outside. */
function slide(
  x: Tensor,
  node: OnnxNode,
  kernel: readonly number[],
  outChannels: number,
  f: (channel: number, pixel: (c: number, ky: number, kx: number) => number | undefined) => number,
): Tensor {
  const strides = attribute<readonly number[]>(node, 'strides', [1, 1]);
  const [, , height, width] = x.shape;
  const pads = padsOf(node, kernel, strides, [height, width]);
  const [outHeight, outWidth] = [height, width].map(
    (side, axis) => Math.floor((side + pads[axis][0] + pads[axis][1] - kernel[axis]) / strides[axis]) + 1,
  );
  return make([1, outChannels, outHeight, outWidth], (_, channel, y, left) =>
    f(channel, (c, ky, kx) => {
      const [row, column] = [y * strides[0] - pads[0][0] + ky, left * strides[1] - pads[1][0] + kx];
      const isInside = row >= 0 && row < height && column >= 0 && column < width;
      return isInside ? at(x, 0, c, row, column) : undefined;
    }),
  );
}

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

const mean: Operator = ([x]) => {
  const pixels = x.shape[2] * x.shape[3];
  return make([1, x.shape[1], 1, 1], (_, c) => {
    let sum = 0;
    for (let i = 0; i < pixels; i++) sum += x.data[c * pixels + i];
    return sum / pixels;
  });
};

/** Nearest neighbours as the modes say. */
const resize: Operator = ([x, ...rest], node, opset) => {
  const isOld = node.op === 'Upsample' || opset < 11;
  const given = isOld ? rest[0] : rest[1];
  const axes = attribute<readonly number[]>(node, 'axes', [0, 1, 2, 3]);
  const stated =
    given && given.data.length > 0 ? given.data : rest[2].data.map((side, i) => side / x.shape[axes[i]]);
  const scales = [1, 1, 1, 1];
  axes.forEach((axis, i) => {
    scales[axis] = stated[i];
  });
  const place = attribute(node, 'coordinate_transformation_mode', isOld ? 'asymmetric' : 'half_pixel');
  const round = attribute(node, 'nearest_mode', isOld ? 'floor' : 'round_prefer_floor');
  const source = (i: number, scale: number, side: number) => {
    const from = place === 'asymmetric' ? i / scale : (i + 0.5) / scale - 0.5;
    const nearest = round === 'floor' ? Math.floor(from) : Math.ceil(from - 0.5);
    return clamp(nearest, 0, side - 1);
  };
  const shape = x.shape.map((side, axis) => Math.floor(side * scales[axis]));
  return make(shape, (...index) => at(x, ...index.map((i, axis) => source(i, scales[axis], x.shape[axis]))));
};

const operators: Readonly<Record<string, Operator>> = {
  Constant: (_, node) => plain(node.attributes.get('value') as OnnxTensor),
  Identity: ([x]) => x,
  Dropout: ([x]) => x,
  Cast: ([x]) => x,
  Shape: ([x]) => ({ shape: [x.shape.length], data: Float64Array.from(x.shape) }),
  Gather: ([x, indices]) => ({ shape: indices.shape, data: indices.data.map((i) => x.data[i]) }),
  Slice: ([x, from, to]) => {
    const data = x.data.slice(from.data[0], to.data[0]);
    return { shape: [data.length], data };
  },
  Unsqueeze: ([x]) => ({ ...x, shape: [1, ...x.shape] }),
  Add: pairs((a, b) => a + b),
  Sum: (inputs, node, opset) => inputs.reduce((a, b) => operators.Add([a, b], node, opset)),
  Sub: pairs((a, b) => a - b),
  Mul: pairs((a, b) => a * b),
  Div: pairs((a, b) => a / b),
  Max: pairs(Math.max),
  Min: pairs(Math.min),
  Neg: each((x) => -x),
  Reciprocal: each((x) => 1 / x),
  Exp: each(Math.exp),
  Erf: each(erf),
  Relu: each((x) => Math.max(x, 0)),
  Sigmoid: each(sigmoid),
  Gelu: each(gelu),
  HardSwish: each((x) => (x * clamp(x + 3, 0, 6)) / 6),
  HardSigmoid: ([x], node) =>
    each((value) => clamp(attribute(node, 'alpha', 0.2) * value + attribute(node, 'beta', 0.5), 0, 1))(
      [x],
      node,
      0,
    ),
  Clip([x, low, high], node) {
    const bounds = [
      low?.data[0] ?? attribute(node, 'min', -Infinity),
      high?.data[0] ?? attribute(node, 'max', Infinity),
    ];
    return { ...x, data: x.data.map((value) => clamp(value, bounds[0], bounds[1])) };
  },
  BatchNormalization: ([x, scale, shift, mean, variance], node) =>
    make(x.shape, (n, c, y, left) => {
      const deviation = Math.sqrt(variance.data[c] + attribute(node, 'epsilon', 1e-5));
      return ((at(x, n, c, y, left) - mean.data[c]) / deviation) * scale.data[c] + shift.data[c];
    }),
  Conv([x, weight, bias], node) {
    const [outChannels, perGroup, ...kernel] = weight.shape;
    const perGroupOut = outChannels / attribute(node, 'group', 1);
    return slide(x, node, kernel, outChannels, (channel, pixel) => {
      let sum = bias?.data[channel] ?? 0;
      for (let c = 0; c < perGroup; c++) {
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const value = pixel(Math.floor(channel / perGroupOut) * perGroup + c, ky, kx) ?? 0;
            sum += value * at(weight, channel, c, ky, kx);
          }
        }
      }
      return sum;
    });
  },
  ConvTranspose: ([x, weight, bias]) =>
    make([1, weight.shape[1], 2 * x.shape[2], 2 * x.shape[3]], (_, channel, y, left) => {
      let sum = bias?.data[channel] ?? 0;
      for (let c = 0; c < x.shape[1]; c++) {
        sum += at(x, 0, c, y >> 1, left >> 1) * at(weight, c, channel, y & 1, left & 1);
      }
      return sum;
    }),
  MaxPool([x], node) {
    const kernel = attribute<readonly number[]>(node, 'kernel_shape', []);
    return slide(x, node, kernel, x.shape[1], (channel, pixel) => {
      let largest = -Infinity;
      for (let ky = 0; ky < kernel[0]; ky++) {
        for (let kx = 0; kx < kernel[1]; kx++)
          largest = Math.max(largest, pixel(channel, ky, kx) ?? -Infinity);
      }
      return largest;
    });
  },
  GlobalAveragePool: mean,
  ReduceMean: mean,
  Pad([x, pads, value, axes], node) {
    const sides = pads ? [...pads.data] : [...attribute<readonly number[]>(node, 'pads', [])];
    const fill = value?.data[0] ?? attribute(node, 'value', 0);
    const places = axes ? [...axes.data].map((axis) => (axis + 4) % 4) : [0, 1, 2, 3];
    const before = [0, 0, 0, 0];
    const shape = [...x.shape];
    places.forEach((axis, i) => {
      before[axis] = sides[i];
      shape[axis] += sides[i] + sides[i + places.length];
    });
    return make(shape, (...index) => {
      const inside = index.map((i, axis) => i - before[axis]);
      const isInside = inside.every((i, axis) => i >= 0 && i < x.shape[axis]);
      return isInside ? at(x, ...inside) : fill;
    });
  },
  Resize: resize,
  Upsample: resize,
  Concat(inputs) {
    if (inputs[0].shape.length === 1) {
      const data = Float64Array.from(inputs.flatMap(({ data }) => [...data]));
      return { shape: [data.length], data };
    }
    const channels = inputs.reduce((sum, { shape }) => sum + shape[1], 0);
    const data = new Float64Array(channels * inputs[0].shape[2] * inputs[0].shape[3]);
    let from = 0;
    for (const input of inputs) {
      data.set(input.data, from);
      from += input.data.length;
    }
    return { shape: inputs[0].shape.with(1, channels), data };
  },
};
