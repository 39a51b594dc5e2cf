/**
 * @file What an ONNX graph computes, in a form in which one thing has one spelling. A value is `scale * term + shift`, with
 * one number or one per channel, so that batch norms, biases and factors in whatever order and by whichever operators
 * come to the same. Clips become ramps from 0 to 1, and products of a value with a function of itself the activations
 * that they are.
 */

import type { Activation } from '../kernels/activation.ts';
import type { Size } from '../size.ts';
import type { Constant } from './constants.ts';
import type { OnnxNode } from './model.ts';
import { refuse } from './node.ts';

/** One number for all channels, or one for each. */
export type PerChannel = number | Float64Array;

/** `scale * term + shift`. */
export interface Value {
  term: Term;
  scale: PerChannel;
  shift: PerChannel;
}

/** The window of a convolution or a pooling. */
export interface Window {
  kernel: number;
  stride: number;
  padding: Padding;
}

export interface Padding {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/** A 1x1 convolution of one pixel. */
interface Layer {
  weight: Constant;
  scale: PerChannel;
  bias: PerChannel;
}

export type Meaning =
  | { kind: 'image' }
  /** Without its bias, which is a shift. Depthwise if every channel has a window of its own. */
  | { kind: 'conv'; input: Value; weight: Constant; window: Window; isDepthwise: boolean }
  /** Transposed convolution 2x2 of stride 2, without its bias. */
  | { kind: 'up'; input: Value; weight: Constant }
  | { kind: 'pad'; input: Value; padding: Padding; fill: number }
  | { kind: 'maxPool'; input: Value; window: Window }
  | { kind: 'mean'; input: Value }
  | { kind: 'activation'; input: Value; activation: Exclude<Activation, 'none'> }
  /** Clamped to 0..1. */
  | { kind: 'ramp'; input: Value }
  /** The normal distribution. */
  | { kind: 'normal'; input: Value }
  | { kind: 'sigmoid'; input: Value }
  | { kind: 'exp'; input: Value }
  /** Squeeze-and-excitation. */
  | { kind: 'gate'; input: Value; reduce: Layer; expand: Layer; slope: number; shortcut: boolean }
  | { kind: 'add'; inputs: readonly [Value, Value] }
  | { kind: 'upsample'; input: Value; factor: number }
  | { kind: 'concat'; inputs: readonly Value[] };

export interface TermFacts {
  /** In order of construction: what a term reads was made before it. */
  index: number;
  /** Terms on the longest way from the image. */
  depth: number;
  isNeverNegative: boolean;
  channels: number;
  /** Height and width for each trial. */
  sizes: readonly Size[];
  /** Where it comes from; of the image none. */
  node: OnnxNode | undefined;
}

export type Term = TermFacts & Meaning;

/** A term of a kind. */
export type TermOf<Kind extends Meaning['kind']> = TermFacts & Extract<Meaning, { kind: Kind }>;

export const inputsOf = (meaning: Meaning): readonly Value[] =>
  'inputs' in meaning ? meaning.inputs : 'input' in meaning ? [meaning.input] : [];

export const bare = (term: Term): Value => ({ term, scale: 1, shift: 0 });

/** Whether a value is its term. */
export const isBare = ({ scale, shift }: Value): boolean => scale === 1 && shift === 0;

const at = (numbers: PerChannel, channel: number): number =>
  typeof numbers === 'number' ? numbers : numbers[channel];

/** Numbers per channel of two such; one number where all channels have the same. */
function combine(a: PerChannel, b: PerChannel, f: (a: number, b: number) => number): PerChannel {
  if (typeof a === 'number' && typeof b === 'number') return f(a, b);
  const { length } = (typeof a === 'number' ? b : a) as Float64Array;
  return collapse(Float64Array.from({ length }, (_, channel) => f(at(a, channel), at(b, channel))));
}

export const collapse = (numbers: Float64Array): PerChannel =>
  numbers.every((number) => number === numbers[0]) ? numbers[0] : numbers;

export const times = (a: PerChannel, b: PerChannel): PerChannel => combine(a, b, (x, y) => x * y);
export const plus = (a: PerChannel, b: PerChannel): PerChannel => combine(a, b, (x, y) => x + y);
export const over = (a: PerChannel, b: PerChannel): PerChannel => combine(a, b, (x, y) => x / y);

/** `scale * value + shift` */
export const affine = (value: Value, scale: PerChannel, shift: PerChannel): Value => ({
  term: value.term,
  scale: times(value.scale, scale),
  shift: plus(times(value.shift, scale), shift),
});

export const isSame = (a: Value, b: Value): boolean =>
  a.term === b.term && isEqual(a.scale, b.scale) && isEqual(a.shift, b.shift);

const isEqual = (a: PerChannel, b: PerChannel): boolean =>
  typeof a === 'number' || typeof b === 'number'
    ? a === b
    : a.length === b.length && a.every((number, channel) => number === b[channel]);

/** How far numbers may be apart that stand for the same: what f32 leaves of them in a few steps. */
const tolerance = 1e-5;

/** The k of `a = k b`, if there is one. */
function ratio(a: Value, b: Value): number | undefined {
  if (a.term !== b.term) return undefined;
  const channels = Array.from({ length: a.term.channels }, (_, channel) => channel);
  const largest = channels.reduce(
    (best, channel) => (Math.abs(at(b.scale, channel)) > Math.abs(at(b.scale, best)) ? channel : best),
    0,
  );
  const k = at(a.scale, largest) / at(b.scale, largest);
  const bound = tolerance * Math.abs(at(a.scale, largest));
  const isClose = (x: number, y: number) => Math.abs(x - y) <= bound + tolerance * Math.abs(x);
  const fits = channels.every(
    (channel) =>
      isClose(at(a.scale, channel), k * at(b.scale, channel)) &&
      isClose(at(a.shift, channel), k * at(b.shift, channel)),
  );
  return fits && Number.isFinite(k) && k !== 0 ? k : undefined;
}

/** Terms of one graph. */
export class Terms {
  #count = 0;
  /** The node that is looked at. */
  node: OnnxNode | undefined;

  make(meaning: Meaning, facts: Pick<TermFacts, 'channels' | 'sizes'>): Value {
    const inputs = inputsOf(meaning);
    return bare({
      ...meaning,
      ...facts,
      node: this.node,
      index: this.#count++,
      depth: inputs.reduce((depth, { term }) => Math.max(depth, term.depth + 1), 0),
      isNeverNegative: staysAboveZero(meaning, inputs),
    });
  }

  /** A term of the size and the channels of its first input. */
  like(meaning: Exclude<Meaning, { kind: 'image' }>): Value {
    const [{ term }] = 'inputs' in meaning ? meaning.inputs : [meaning.input];
    return this.make(meaning, { channels: term.channels, sizes: term.sizes });
  }

  relu(input: Value): Value {
    if (isNeverNegative(input)) return input;
    return this.like({ kind: 'activation', input, activation: 'relu' });
  }

  /** `min(max(value, low), high)`; what is not finite bounds nothing. */
  clip(value: Value, low: number, high: number): Value {
    if (low >= high) refuse(`bounds ${low} and ${high}`);
    if (low === -Infinity && high === Infinity) return value;
    if (high === Infinity) return affine(this.relu(affine(value, 1, -low)), 1, low);
    if (low === -Infinity) {
      const { term, scale, shift } = value;
      const isRectified = term.kind === 'activation' && term.activation === 'relu';
      if (
        isRectified &&
        typeof scale === 'number' &&
        typeof shift === 'number' &&
        scale > 0 &&
        high > shift
      ) {
        return this.clip(affine(term.input, scale, shift), shift, high);
      }
      return affine(this.relu(affine(value, -1, high)), -1, high);
    }
    const height = high - low;
    const ramp = this.like({ kind: 'ramp', input: affine(value, 1 / height, -low / height) });
    return affine(ramp, height, low);
  }

  /** The error function: erf(x) = 2 Phi(sqrt(2) x) - 1. */
  erf(value: Value): Value {
    return affine(this.like({ kind: 'normal', input: affine(value, Math.SQRT2, 0) }), 2, -1);
  }

  sum(a: Value, b: Value): Value {
    expectSameShape(a, b);
    for (const [sum, other] of [
      [a, b],
      [b, a],
    ]) {
      const { term } = sum;
      if (term.kind === 'gate' && !term.shortcut && isBare(sum) && isSame(term.input, other)) {
        return this.like({ ...term, shortcut: true });
      }
    }
    return this.like({ kind: 'add', inputs: [a, b] });
  }

  /** Hard swish, GELU, or a gate. */
  product(a: Value, b: Value): Value {
    for (const [value, factor] of [
      [a, b],
      [b, a],
    ]) {
      const { term, scale, shift } = factor;
      // What is off by the rounding of 3 / 6 is 0.
      if (typeof scale !== 'number' || typeof shift !== 'number') continue;
      if (Math.abs(shift) > tolerance * Math.abs(scale)) continue;
      if (term.kind !== 'ramp' && term.kind !== 'normal') continue;
      const found = this.#activation(value, term) ?? (term.kind === 'ramp' && this.#gate(value, term));
      if (found) return affine(found, scale, 0);
    }
    return refuse('a product that is no hard swish, GELU or squeeze-and-excitation');
  }

  /** x ramp(x / 6 + 0.5) or x Phi(x), of any multiple of x. */
  #activation(value: Value, { kind, input }: TermOf<'ramp' | 'normal'>): Value | undefined {
    const argument = kind === 'ramp' ? affine(input, 6, -3) : input;
    const k = ratio(value, argument);
    if (k === undefined) return undefined;
    const isPlain = Math.abs(k - 1) < tolerance / 10;
    const activation = kind === 'ramp' ? 'hardswish' : 'gelu';
    const result = this.like({ kind: 'activation', input: isPlain ? value : argument, activation });
    return isPlain ? result : affine(result, k, 0);
  }

  /** x ramp(slope (W2 relu(W1 mean(x) + b1) + b2) + 0.5), of any multiple of x. */
  #gate(value: Value, ramp: TermOf<'ramp'>): Value | undefined {
    const { term: second, scale, shift } = ramp.input;
    if (!isLayer(second)) return undefined;
    const { term: relu } = second.input;
    if (relu.kind !== 'activation' || relu.activation !== 'relu' || !isBare(second.input)) return undefined;
    const { term: first } = relu.input;
    if (!isLayer(first)) return undefined;
    const { term: mean } = first.input;
    if (mean.kind !== 'mean' || !isBare(first.input)) return undefined;
    const k = ratio(value, mean.input);
    if (k === undefined || second.channels !== value.term.channels) return undefined;
    const isSlope = typeof scale === 'number' && scale > 0 && scale <= 1;
    const above = plus(shift, -0.5);
    const gate = this.like({
      kind: 'gate',
      input: mean.input,
      reduce: { weight: first.weight, scale: relu.input.scale, bias: relu.input.shift },
      expand: {
        weight: second.weight,
        scale: isSlope ? 1 : scale,
        bias: isSlope ? over(above, scale) : above,
      },
      slope: isSlope ? scale : 1,
      shortcut: false,
    });
    return Math.abs(k - 1) < tolerance / 10 ? gate : affine(gate, k, 0);
  }
}

/** Whether a term is a 1x1 convolution of all channels. */
function isLayer(term: Term): term is TermOf<'conv'> {
  return term.kind === 'conv' && !term.isDepthwise && term.window.kernel === 1 && term.window.stride === 1;
}

/** @throws Refusal where two values have other sizes or channels: nothing is repeated. */
export function expectSameShape(a: Value, b: Value): void {
  if (shapeText(a.term) === shapeText(b.term)) return;
  refuse(`tensors of different shapes, ${shapeText(a.term)} and ${shapeText(b.term)}`);
}

/** The shape of a term for the first trial. */
const shapeText = ({ channels, sizes }: Term): string =>
  sizes.map(({ height, width }) => `[${channels}, ${height}, ${width}]`).join(' or ');

/** Whether none of a value's numbers can be below zero. */
export function isNeverNegative({ term, scale, shift }: Value): boolean {
  const isAtLeastZero = (numbers: PerChannel) =>
    typeof numbers === 'number' ? numbers >= 0 : numbers.every((number) => number >= 0);
  return term.isNeverNegative && isAtLeastZero(scale) && isAtLeastZero(shift);
}

/** Of terms that are below zero nowhere if what they read is not. */
const keepsSign: readonly Meaning['kind'][] = ['gate', 'maxPool', 'upsample', 'add', 'concat', 'mean'];
const aboveZero: readonly Meaning['kind'][] = ['ramp', 'normal', 'sigmoid', 'exp'];

const staysAboveZero = (meaning: Meaning, inputs: readonly Value[]): boolean =>
  aboveZero.includes(meaning.kind) ||
  (meaning.kind === 'activation' && meaning.activation === 'relu') ||
  (keepsSign.includes(meaning.kind) && inputs.every(isNeverNegative));
