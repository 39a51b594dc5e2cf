/**
 * @file From values to the operations that compute them. A convolution takes up what follows it, affine, residual,
 * activation, affine, as long as nobody else reads what lies between; where somebody does, and after everything that
 * is no convolution, a depthwise convolution 1x1 does the rest.
 */

import type { Network } from '../graph/graph.ts';
import type { Operation } from '../graph/operations/index.ts';
import type { Activation } from '../kernels/activation.ts';
import type { Constant } from './constants.ts';
import type { Complaint, DbHead } from './head.ts';
import { Refusal, refuse } from './node.ts';
import {
  affine,
  bare,
  inputsOf,
  isBare,
  isSame,
  type PerChannel,
  type Term,
  type TermOf,
  type Value,
} from './terms.ts';

/** A parameter by its shape, and how its numbers are computed. */
export interface Parameter {
  shape: readonly number[];
  read: () => Float32Array;
}

export interface Lowered {
  network: Network;
  parameters: ReadonlyMap<string, Parameter>;
}

/** An operation that has no name yet. */
interface Form {
  /** What names of such operations begin with. */
  kind: string;
  write: (name: string) => Operation;
}

/** A tensor that an operation writes. */
interface Tensor {
  value: Value;
  /** Given when all are known, in their order. */
  name: string;
  /** Of the image none. */
  form?: Form;
}

/**
 * The network of a DB head and of all that it reads.
 * @param complaints takes what cannot be computed.
 */
export function lower(head: DbHead, complaints: Complaint[]): Lowered {
  const lowering = new Lowering(head.heads.map(({ features }) => features));
  const features = head.heads.map((one) => lowering.tensorOf(one.features));
  lowering.run(complaints);
  return lowering.finish(head, features);
}

class Lowering {
  readonly #readers = new Map<Term, Value[]>();
  readonly #tensors = new Map<Term, Tensor[]>();
  readonly #open: Tensor[] = [];
  readonly #parameters = new Map<string, Parameter>();

  constructor(values: readonly Value[]) {
    const open = [...values];
    for (let value = open.pop(); value; value = open.pop()) {
      const readers = this.#readers.get(value.term);
      if (readers) {
        readers.push(value);
        continue;
      }
      this.#readers.set(value.term, [value]);
      open.push(...inputsOf(value.term));
    }
  }

  /** The tensor of a value. Its operation is found later, so that long chains take no stack. */
  tensorOf(value: Value): Tensor {
    const tensors = this.#tensors.get(value.term) ?? [];
    const known = tensors.find((tensor) => isSame(tensor.value, value));
    if (known) return known;
    const tensor = { value, name: '' };
    this.#tensors.set(value.term, [...tensors, tensor]);
    this.#open.push(tensor);
    return tensor;
  }

  run(complaints: Complaint[]): void {
    for (let tensor = this.#open.pop(); tensor; tensor = this.#open.pop()) {
      try {
        tensor.form = this.#formOf(tensor.value);
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown;
        complaints.push({ node: tensor.value.term.node, reason: thrown.reason });
      }
    }
  }

  finish({ heads, k }: DbHead, features: readonly Tensor[]): Lowered {
    const all = [...this.#tensors.values()].flat();
    // What a term needs has a smaller index; a term comes before what is made of it.
    all.sort(
      (a, b) => a.value.term.index - b.value.term.index || Number(isBare(b.value)) - Number(isBare(a.value)),
    );
    const counts = new Map<string, number>();
    for (const tensor of all) {
      const kind = tensor.form?.kind ?? 'image';
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      tensor.name = tensor.form ? `${kind}${count}` : kind;
    }
    const operations = all.flatMap(({ name, form }) => form?.write(name) ?? []);
    const outputs = heads.length === 1 ? ['P'] : ['P', 'T', 'B'];
    operations.push({
      op: 'dbHead',
      name: 'head',
      outputs,
      features: features.map(({ name }) => name),
      channels: heads[0].features.term.channels,
      k,
      heads: heads.map(({ up1, up2 }, i) => {
        const name = ['probability', 'threshold'][i];
        return {
          up1: {
            weight: this.#weight(`${name}.up1.weight`, up1.term.weight, up1.scale, 1),
            bias: this.#vector(`${name}.up1.bias`, up1.term.channels, up1.shift),
          },
          up2: {
            weight: this.#weight(`${name}.up2.weight`, up2.term.weight, up2.scale, 1),
            bias: this.#vector(`${name}.up2.bias`, 1, up2.shift),
          },
        };
      }),
    });
    return { network: { input: 'image', operations, outputs }, parameters: this.#parameters };
  }

  #formOf(value: Value): Form | undefined {
    const { term, scale, shift } = value;
    // Others that read it want another multiple.
    if (!this.#isWantedAs(value)) return this.#elementwise(value);
    if (term.kind === 'activation' && typeof scale === 'number' && typeof shift === 'number') {
      const { input, activation } = term;
      const end = { activation, affine: isBare(value) ? undefined : { scale, shift } };
      const isInside = this.#readersOf(input) === 1;
      return (isInside && this.#convolution(input, end)) || this.#elementwise(input, end);
    }
    const convolution = this.#convolution(value, { activation: 'none' });
    if (convolution) return convolution;
    if (term.kind === 'add') return this.#upsampleAdd(value, term);
    if (term.kind === 'upsample') return this.#concat([value]);
    if (!isBare(value)) return this.#elementwise(value);
    switch (term.kind) {
      case 'image':
        return undefined;
      case 'maxPool':
        return this.#maxPool(term);
      case 'gate':
        return this.#gate(term);
      case 'concat':
        return this.#concat(term.inputs);
      default:
        return refuse(reasons[term.kind] ?? 'a value that no operation computes');
    }
  }

  /** Whether all that read a term want the same of it, or this is the term. */
  #isWantedAs(value: Value): boolean {
    return isBare(value) || (this.#readers.get(value.term) ?? []).every((other) => isSame(value, other));
  }

  /** The activation of a value, by a convolution that is the value or a part of it, if there is one. */
  #convolution(value: Value, end: End): Form | undefined {
    const { term } = value;
    if (isConv(value)) return this.#conv(value, [], end);
    if (term.kind !== 'add') return undefined;
    const parts = partsOf(value, term);
    // The branch rather than the shortcut.
    const [main] = parts
      .filter((part) => isConv(part) && !part.term.isDepthwise)
      .sort((a, b) => this.#readersOf(a) - this.#readersOf(b) || b.term.depth - a.term.depth);
    if (!main || !isConv(main)) return undefined;
    const { value: residual, factor } = beforeUpsampling(parts[0] === main ? parts[1] : parts[0]);
    // A sum with what was upsampled by 2 is an operation of its own, which fusions know.
    if (factor === 2) return undefined;
    return this.#conv(
      main,
      [{ tensor: this.tensorOf(residual), kind: factor === 1 ? 'same' : 'upsampled' }],
      end,
    );
  }

  #readersOf({ term }: Value): number {
    return this.#readers.get(term)?.length ?? 0;
  }

  #conv(
    { term, scale, shift }: ConvValue,
    residuals: readonly { tensor: Tensor; kind: 'same' | 'upsampled' }[],
    end: End,
  ): Form {
    const { window, weight, isDepthwise, channels } = term;
    const input = this.tensorOf(term.input);
    const inChannels = term.input.term.channels;
    const parameters = (name: string) => ({
      weight: this.#weight(`${name}.weight`, weight, scale, 0),
      bias: shift === 0 ? undefined : this.#vector(`${name}.bias`, channels, shift),
    });
    if (isDepthwise) {
      return {
        kind: 'depthwise',
        write: (name) => ({
          op: 'depthwiseConv2d',
          name,
          output: name,
          input: input.name,
          channels,
          ...window,
          ...parameters(name),
          ...end,
        }),
      };
    }
    return {
      kind: 'conv',
      write(name) {
        const { weight, bias } = parameters(name);
        return {
          op: 'conv2d',
          name,
          output: name,
          sources: [{ tensor: input.name, weight, inChannels, ...window }],
          outChannels: channels,
          bias,
          residuals: residuals.map(({ tensor, kind }) => ({ tensor: tensor.name, kind })),
          ...end,
        };
      },
    };
  }

  /** The activation of a value by a depthwise convolution 1x1; without one, a multiple of a tensor. */
  #elementwise(value: Value, end?: End): Form {
    const { term } = value;
    if (term.kind === 'image') refuse('a graph that prepares its image itself');
    const { channels } = term;
    // What others read as well need not be computed again.
    const isThere = end !== undefined && this.#readersOf(value) > 1 && this.#isWantedAs(value);
    const input = this.tensorOf(isThere ? value : bare(term));
    const { scale, shift } = isThere ? bare(term) : value;
    return {
      kind: 'scale',
      write: (name) => ({
        op: 'depthwiseConv2d',
        name,
        output: name,
        input: input.name,
        weight: this.#vector(`${name}.weight`, channels, scale, [channels, 1, 1, 1]),
        bias: shift === 0 ? undefined : this.#vector(`${name}.bias`, channels, shift),
        channels,
        kernel: 1,
        stride: 1,
        padding: { top: 0, left: 0, bottom: 0, right: 0 },
        activation: 'none',
        ...end,
      }),
    };
  }

  #upsampleAdd(value: Value, term: TermOf<'add'>): Form {
    const parts = partsOf(value, term);
    const upper = parts.find((part) => beforeUpsampling(part).factor === 2);
    const other = parts.find((part) => part !== upper);
    if (!upper || !other) refuse('a sum of which no part is a convolution or upsampled by 2');
    const [lateral, top] = [this.tensorOf(other), this.tensorOf(beforeUpsampling(upper).value)];
    return {
      kind: 'sum',
      write: (name) => ({ op: 'upsampleAdd', name, output: name, lateral: lateral.name, top: top.name }),
    };
  }

  #concat(values: readonly Value[]): Form {
    if (values.length > mostConcatenated) refuse(`a concatenation of ${values.length} tensors`);
    const parts = values.map(beforeUpsampling);
    const inputs = parts.map((part) => this.tensorOf(part.value));
    const scales = parts.map(({ factor }) => factor);
    return {
      kind: 'concat',
      write: (name) => ({
        op: 'upsampleConcat',
        name,
        output: name,
        inputs: inputs.map((input) => input.name),
        scales,
      }),
    };
  }

  #maxPool({ input, window }: TermOf<'maxPool'>): Form {
    const source = this.tensorOf(input);
    return {
      kind: 'pool',
      write: (name) => ({ op: 'maxPool', name, output: name, input: source.name, ...window }),
    };
  }

  #gate({ input, reduce, expand, slope, shortcut, channels }: TermOf<'gate'>): Form {
    const source = this.tensorOf(input);
    const [hidden] = reduce.weight.shape;
    return {
      kind: 'gate',
      write: (name) => ({
        op: 'channelGate',
        name,
        output: name,
        input: source.name,
        channels,
        hidden,
        reduce: {
          weight: this.#weight(`${name}.reduce.weight`, reduce.weight, reduce.scale, 0),
          bias: this.#vector(`${name}.reduce.bias`, hidden, reduce.bias),
        },
        expand: {
          weight: this.#weight(`${name}.expand.weight`, expand.weight, expand.scale, 0),
          bias: this.#vector(`${name}.expand.bias`, channels, expand.bias),
        },
        slope,
        shortcut,
      }),
    };
  }

  /** Weights times a scale per output channel, which `axis` counts. */
  #weight(name: string, weight: Constant, scale: PerChannel, axis: number): string {
    const { shape } = weight;
    const inner = shape.slice(axis + 1).reduce((product, side) => product * side, 1);
    return this.#add(name, shape, () => {
      const values = weight.values(0);
      const scaled = new Float32Array(values.length);
      for (let i = 0; i < values.length; i++) {
        const factor = typeof scale === 'number' ? scale : scale[Math.floor(i / inner) % shape[axis]];
        scaled[i] = values[i] * factor;
      }
      return scaled;
    });
  }

  #vector(
    name: string,
    channels: number,
    numbers: PerChannel,
    shape: readonly number[] = [channels],
  ): string {
    return this.#add(name, shape, () =>
      typeof numbers === 'number' ? new Float32Array(channels).fill(numbers) : Float32Array.from(numbers),
    );
  }

  #add(name: string, shape: readonly number[], read: () => Float32Array): string {
    this.#parameters.set(name, { shape, read });
    return name;
  }
}

type ConvValue = Value & { term: TermOf<'conv'> };

const isConv = (value: Value): value is ConvValue => value.term.kind === 'conv';

/** What ends a convolution. */
interface End {
  activation: Activation;
  affine?: { scale: number; shift: number };
}

const mostConcatenated = 16;

/** `scale (a + b) + shift` as a sum of two. */
const partsOf = ({ scale, shift }: Value, { inputs: [a, b] }: TermOf<'add'>): readonly [Value, Value] => [
  affine(a, scale, shift),
  affine(b, scale, 0),
];

/** What a value is upsampled from, and by how much. */
function beforeUpsampling(value: Value): { value: Value; factor: number } {
  const { term, scale, shift } = value;
  if (term.kind !== 'upsample') return { value, factor: 1 };
  const inner = beforeUpsampling(affine(term.input, scale, shift));
  return { value: inner.value, factor: inner.factor * term.factor };
}

/** Why a term cannot stand alone. */
const reasons: Readonly<Partial<Record<Term['kind'], string>>> = {
  up: 'a transposed convolution outside of a DB head',
  pad: 'a padding that no convolution or pooling takes up',
  mean: 'a mean outside of a squeeze-and-excitation',
  ramp: 'a clamp outside of a hard swish or squeeze-and-excitation',
  normal: 'an error function outside of GELU',
  sigmoid: 'a sigmoid that is not the end of a DB head',
  exp: 'an exponential function outside of a sigmoid',
};
