/**
 * @file Where each parameter stands in the flat array that optimizers work on, and how it is laid out there: as the
 * forward kernels read it. PyTorch's layouts come in and go out.
 */

import type { Network } from '../../graph/graph.ts';
import { trained } from '../operations/index.ts';
import { type ParameterPlace, type SlotParameters, statisticsSlot } from '../operations/operation.ts';

/** Some parameters that stand together, bound as one. */
export interface Slot {
  /** First element in the flat array, a multiple of {@link slotAlignment}. */
  offset: number;
  /** Elements. */
  count: number;
}

/** One parameter with its place in the flat array. */
export interface Parameter extends ParameterPlace {
  /** First element in the flat array. */
  offset: number;
}

export interface FlatLayout {
  /** By the name that kernels bind: a convolution's weight, a norm's prefix, a bias. */
  slots: ReadonlyMap<string, Slot>;
  parameters: readonly Parameter[];
  /** Elements in all, those between slots included. */
  count: number;
}

/** Buffers are bound at multiples of 256 bytes. */
export const slotAlignment = 64;

function layOut(all: readonly SlotParameters[]): FlatLayout {
  const slots = new Map<string, Slot>();
  const placed: Parameter[] = [];
  let end = 0;
  for (const { name, count, parameters } of all) {
    let offset = end;
    slots.set(name, { offset, count });
    for (const parameter of parameters) {
      placed.push({ ...parameter, offset });
      offset += parameter.shape.reduce((product, side) => product * side, 1);
    }
    end += Math.ceil(count / slotAlignment) * slotAlignment;
  }
  return { slots, parameters: placed, count: end };
}

/** Layout of what is trained: weights, biases, and scale and shift of the norms. */
export const parameterLayout = ({ operations }: Network): FlatLayout =>
  layOut(operations.flatMap((operation) => trained(operation).slots?.(operation) ?? []));

/** Layout of the running mean and variance of each norm, under the norm's prefix. */
export const statisticsLayout = ({ operations }: Network): FlatLayout =>
  layOut(
    operations
      .flatMap((operation) => trained(operation).norms?.(operation) ?? [])
      .map(([prefix, channels]) => statisticsSlot(prefix, channels)),
  );

/** PyTorch's tensors as one flat array. */
export function pack(
  { parameters, count }: FlatLayout,
  source: (name: string) => ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(count);
  for (const { name, offset, place } of parameters) {
    const values = source(name);
    for (let i = 0; i < values.length; i++) flat[offset + place(i)] = values[i];
  }
  return flat;
}

/** The inverse of {@link pack}. */
export function unpack(
  { parameters }: FlatLayout,
  flat: Float32Array,
): Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }> {
  return new Map(
    parameters.map(({ name, shape, offset, place }) => {
      const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
      for (let i = 0; i < data.length; i++) data[i] = flat[offset + place(i)];
      return [name, { shape, data }];
    }),
  );
}
