/**
 * @file Where each parameter stands in the flat array that optimizers work on, and how it is laid out there: as the
 * forward kernels read it. PyTorch's layouts come in and go out.
 */

import type { Entry } from '../../graph/dbnet.ts';

/** Some parameters that stand together, bound as one. */
export interface Slot {
  /** First element in the flat array, a multiple of {@link slotAlignment}. */
  offset: number;
  /** Elements. */
  count: number;
}

/** One parameter as PyTorch names and shapes it. */
export interface Parameter {
  name: string;
  shape: readonly number[];
  /** First element in the flat array. */
  offset: number;
  /** For each element in PyTorch's order, where it stands behind `offset`. */
  place: (index: number) => number;
}

export interface Layout {
  /** By the name that kernels bind: a convolution's weight, a norm's prefix, a bias. */
  slots: ReadonlyMap<string, Slot>;
  parameters: readonly Parameter[];
  /** Elements in all, those between slots included. */
  count: number;
}

/** Buffers are bound at multiples of 256 bytes. */
export const slotAlignment = 64;

class LayoutBuilder {
  readonly slots = new Map<string, Slot>();
  readonly parameters: Parameter[] = [];
  #end = 0;

  /** A slot of `count` elements that holds parameters one after the other. */
  add(name: string, count: number, parameters: readonly Omit<Parameter, 'offset'>[]): void {
    let offset = this.#end;
    this.slots.set(name, { offset, count });
    for (const parameter of parameters) {
      this.parameters.push({ ...parameter, offset });
      offset += parameter.shape.reduce((product, side) => product * side, 1);
    }
    this.#end += Math.ceil(count / slotAlignment) * slotAlignment;
  }

  finish(): Layout {
    return { slots: this.slots, parameters: this.parameters, count: this.#end };
  }
}

const inOrder = (index: number): number => index;

/** The two vectors of a norm, as PyTorch names them. */
const pair = (prefix: string, names: readonly [string, string], channels: number) =>
  names.map((name) => ({ name: `${prefix}.${name}`, shape: [channels], place: inOrder }));

/** Layout of what is trained: weights, biases, and scale and shift of the norms. */
export function parameterLayout(entries: readonly Entry[]): Layout {
  const layout = new LayoutBuilder();
  const norm = (prefix: string, channels: number) =>
    layout.add(prefix, 2 * channels, pair(prefix, ['weight', 'bias'], channels));
  for (const entry of entries) {
    if (entry.op === 'conv2d') {
      const { weight, inChannels, outChannels, kernel } = entry;
      const area = kernel * kernel;
      // The image has 4 channels stored.
      const stored = Math.ceil(inChannels / 4) * 4;
      // [out, in, kernel, kernel] to [tap, in, out].
      const place = (index: number) => {
        const tap = index % area;
        const channel = Math.floor(index / area) % inChannels;
        return (tap * stored + channel) * outChannels + Math.floor(index / (area * inChannels));
      };
      const shape = [outChannels, inChannels, kernel, kernel];
      layout.add(weight, area * stored * outChannels, [{ name: weight, shape, place }]);
      if (entry.norm) norm(entry.norm, outChannels);
    } else if (entry.op === 'dbHead') {
      const { channels } = entry;
      for (const { prefix } of entry.heads) {
        for (const [part, outChannels] of [
          [3, channels],
          [6, 1],
        ] as const) {
          // [in, out, 2, 2] to [in, tap, out]: a transposed convolution is one 1x1 convolution to all four taps.
          const place = (index: number) => {
            const out = Math.floor(index / 4) % outChannels;
            return (Math.floor(index / (4 * outChannels)) * 4 + (index % 4)) * outChannels + out;
          };
          const weight = `${prefix}.${part}.weight`;
          const bias = `${prefix}.${part}.bias`;
          const shape = [channels, outChannels, 2, 2];
          layout.add(weight, channels * outChannels * 4, [{ name: weight, shape, place }]);
          layout.add(bias, outChannels, [{ name: bias, shape: [outChannels], place: inOrder }]);
          if (part === 3) norm(`${prefix}.4`, channels);
        }
      }
    }
  }
  return layout.finish();
}

/** Layout of the running mean and variance of each norm, under the norm's prefix. */
export function statisticsLayout(entries: readonly Entry[]): Layout {
  const layout = new LayoutBuilder();
  const norm = (prefix: string, channels: number) =>
    layout.add(prefix, 2 * channels, pair(prefix, ['running_mean', 'running_var'], channels));
  for (const entry of entries) {
    if (entry.op === 'conv2d' && entry.norm) norm(entry.norm, entry.outChannels);
    if (entry.op === 'dbHead') for (const { prefix } of entry.heads) norm(`${prefix}.4`, entry.channels);
  }
  return layout.finish();
}

/** PyTorch's tensors as one flat array. */
export function pack(
  { parameters, count }: Layout,
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
  { parameters }: Layout,
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
