/**
 * @file What an operation is: a record (plain JSON that names its tensors and parameters) and its kind, all that the
 * rest of the house knows of such records. A new operation is a file in `operations/` and a line in its table.
 */

import { mismatch } from '../check.ts';
import type { Convolution } from '../kernels/convolution.ts';
import { type Kernel, vectorsOf } from '../kernels/kernel.ts';
import type { Tile } from '../kernels/tile.ts';
import type { KernelOptions, Precision } from '../kernels/wgsl.ts';
import type { Fields, Padding } from './fields.ts';

/** `planes` images `[height, width, channels]`; more than one plane only for class images and Winograd's tiles. */
export interface TensorShape {
  height: number;
  width: number;
  channels: number;
  planes: number;
  /** `f32` and `u32` are stored as such whatever the precision: the maps (B depends on small differences) and masks. */
  storage?: 'f32' | 'u32';
}

/** Number of elements of a tensor, as it is stored: channels in whole vectors of 4, but for maps and masks. */
export const elementCount = ({ height, width, channels, planes, storage }: TensorShape): number =>
  height * width * (storage ? channels : 4 * vectorsOf(channels)) * planes;

export type ShapeOf = (tensor: string) => TensorShape;

/** Where parameters come from: their values, flat in PyTorch's order, by name. */
export interface ParameterSource {
  (name: string): ArrayLike<number>;
  /** See {@link factorsOf}; absent where no parameter is a product. */
  factors?(name: string): Factors;
}

/** A parameter that may be a product: of values, and of a factor for each output channel, the first dimension. */
export interface Factors {
  values: () => ArrayLike<number>;
  scale?: () => Float64Array;
}

/** Parameters that are computed from others when they are read, one at a time. */
export type DerivedParameters = Readonly<Record<string, (() => ArrayLike<number>) | Factors>>;

/** A parameter for those who multiply on their way: millions of numbers need not be there twice. Nothing is read yet. */
export const factorsOf = (source: ParameterSource, name: string): Factors =>
  source.factors?.(name) ?? { values: () => source(name) };

/** A parameter, multiplied out. */
export function multiplied({ values: read, scale: readScale }: Factors): ArrayLike<number> {
  const values = read();
  if (!readScale) return values;
  const scale = readScale();
  const perOutput = values.length / scale.length;
  // Millions of numbers: `Float64Array.from` with a function takes ten times as long.
  const product = new Float64Array(values.length);
  for (let out = 0, i = 0; out < scale.length; out++) {
    const factor = scale[out];
    for (const end = i + perOutput; i < end; i++) product[i] = values[i] * factor;
  }
  return product;
}

/** What every record has. */
export interface OperationRecord {
  op: string;
  /** Unique in a network; labels and constants are named by it. */
  name: string;
}

/**
 * What a binding of a kernel holds.
 * `tensor`: an activation in one of the plan's buffers; `constant`: weights, the same for all sizes;
 * `external`: what the caller provides for each run.
 */
export interface Resource {
  kind: 'tensor' | 'constant' | 'external';
  name: string;
}

export interface PlanStep {
  kernel: Kernel;
  /** One per binding of the kernel but the last, its shape. */
  resources: readonly Resource[];
}

/** Values that stay on the device. */
export interface Constant {
  name: string;
  /** Type in which it is stored. */
  precision: Precision;
  /** Computes the values, or what `transform` makes them of; called once per device. */
  data: () => Float32Array<ArrayBuffer>;
  /** What the device does with the numbers of `data`, in f32, before they are of use. */
  transform?: {
    /** Its bindings are what there is, followed by `scale`, and what comes of it. */
    kernel: () => Kernel;
    /** Factors of output channels, the first dimension of `data`. */
    scale: () => Float32Array<ArrayBuffer>;
    /** By how much it may enlarge a product of these. */
    growth: number;
  };
}

/** How kernels are chosen for an adapter. */
export interface KernelChoice extends KernelOptions {
  /** The tile for a convolution. */
  tile(conv: Convolution): Tile;
  /** Feature pixels per thread of the DB head. */
  headPixels: number;
}

export interface OperationKind<O extends OperationRecord> {
  /** The tensors that it reads. */
  inputs(operation: O): readonly string[];
  /** The tensors that it writes, those between its kernels last. */
  outputs(operation: O): readonly string[];
  /** The shape of each output. @throws DBNetError `incompatible-weights` where the inputs do not fit. */
  shapes(operation: O, shapeOf: ShapeOf): readonly TensorShape[];
  /** Names and shapes of its parameters, as PyTorch has them. */
  parameters?(operation: O): readonly (readonly [name: string, shape: readonly number[]])[];
  /** The same operation with its batch norms in its weights and biases; itself where it has none. */
  foldBatchNorm?(operation: O, source: ParameterSource): { operation: O; derived: DerivedParameters };
  /** What its kernel needs of its parameters; independent of sizes. */
  constants?(operation: O, source: ParameterSource, precision: Precision): readonly Constant[];
  /** The convolution in it that the tuner finds the fastest tile for: of its kernels the one that asks {@link KernelChoice.tile}. */
  convolution?(operation: O, shapeOf: ShapeOf): Convolution;
  lower(operation: O, shapeOf: ShapeOf, choice: KernelChoice): readonly PlanStep[];
  /** What its members may be in a file, where anything may stand. Absent: only passes make such operations. */
  fields?: Fields<O>;
}

/** @throws DBNetError `incompatible-weights` that names the operation. */
export function expectFit({ name }: OperationRecord, fits: boolean, expected: string): void {
  if (!fits) throw mismatch(`network, operation '${name}'`, expected, 'others', 'incompatible-weights');
}

/** Whether a tensor is an image of so many channels. */
export const holds = ({ channels, planes }: TensorShape, wanted: number): boolean =>
  planes === 1 && channels === wanted;

/** Size of what a square window writes that slides over a padded tensor. */
export function slide(
  { height, width }: Pick<TensorShape, 'height' | 'width'>,
  { kernel, stride, padding }: { kernel: number; stride: number; padding: Padding },
): Pick<TensorShape, 'height' | 'width'> {
  const positions = (side: number) => Math.floor((side - kernel) / stride) + 1;
  return {
    height: positions(height + padding.top + padding.bottom),
    width: positions(width + padding.left + padding.right),
  };
}

/** Resources of kind `tensor`. */
export const tensors = (...names: readonly string[]): Resource[] =>
  names.map((name) => ({ kind: 'tensor', name }));

/** Resources of kind `constant`. */
export const constants = (...names: readonly string[]): Resource[] =>
  names.map((name) => ({ kind: 'constant', name }));
