/** @file Buffers of a case on the device: inputs, outputs, and copies of the inputs for cold runs. */

import { type Kernel, uniformWords } from '../../src/kernels/kernel.ts';
import { bufferUsage } from '../../src/runtime/constants.ts';
import type { Variant } from './case.ts';
import type { Stored } from './numbers.ts';

/** Every byte of a poisoned output: a NaN in f32 and in f16. */
const poison = 0xff;

const usage = bufferUsage.storage | bufferUsage.copyFrom | bufferUsage.copyTo;

/** What a binding is bound to. */
export type Bound = ReadonlyMap<string, GPUBuffer>;

export class KernelBuffers {
  readonly #device: GPUDevice;
  readonly #inputs = new Map<Stored, GPUBuffer>();
  readonly #outputs = new Map<string, GPUBuffer>();
  readonly #shapes: GPUBuffer[] = [];
  readonly #copies: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Buffers for all bindings of a variant. Outputs are shared by all variants. */
  bind({ kernel, data }: Variant): Bound {
    return new Map(
      kernel.bindings.map(({ name, access, bytes }) => {
        if (access === 'read_write') return [name, this.#output(name, bytes)];
        if (access === 'uniform') return [name, this.#shape(kernel)];
        if (!data[name]) throw new Error(`'${kernel.label}' reads '${name}', for which there is no data`);
        return [name, this.#input(name, data[name])];
      }),
    );
  }

  /**
   * As many copies of what a variant reads as make `footprint` bytes together, so that none is in a cache when its
   * turn comes again. The outputs stay the same, so that every dispatch still waits for the one before it.
   */
  rotate(kernel: Kernel, bound: Bound, footprint: number): Bound[] {
    const inputs = kernel.bindings.filter(({ access }) => access === 'read').map(({ name }) => name);
    const bytes = inputs.reduce((sum, name) => sum + bound.get(name)!.size, 0);
    const count = Math.min(Math.max(Math.ceil(footprint / bytes), 2), 256);
    const encoder = this.#device.createCommandEncoder();
    const copies = Array.from({ length: count - 1 }, () => {
      const copy = new Map(bound);
      for (const name of inputs) {
        const original = bound.get(name)!;
        const buffer = this.#device.createBuffer({ label: `${name} (copy)`, size: original.size, usage });
        encoder.copyBufferToBuffer(original, 0, buffer, 0, original.size);
        this.#copies.push(buffer);
        copy.set(name, buffer);
      }
      return copy;
    });
    this.#device.queue.submit([encoder.finish()]);
    return [bound, ...copies];
  }

  /** Frees what {@link rotate} made. */
  freeCopies(): void {
    for (const buffer of this.#copies.splice(0)) buffer.destroy();
  }

  /** Fills the outputs of a kernel with NaN. */
  poison(kernel: Kernel, bound: Bound): void {
    for (const { name, access } of kernel.bindings) {
      if (access !== 'read_write') continue;
      const buffer = bound.get(name)!;
      this.#device.queue.writeBuffer(buffer, 0, new Uint8Array(buffer.size).fill(poison));
    }
  }

  destroy(): void {
    this.freeCopies();
    for (const buffer of [...this.#inputs.values(), ...this.#outputs.values(), ...this.#shapes]) {
      buffer.destroy();
    }
  }

  #shape({ shape }: Kernel): GPUBuffer {
    const words = uniformWords(shape);
    const buffer = this.#device.createBuffer({
      label: 'shape',
      size: words.byteLength,
      usage: bufferUsage.uniform | bufferUsage.copyTo,
    });
    this.#device.queue.writeBuffer(buffer, 0, words);
    this.#shapes.push(buffer);
    return buffer;
  }

  #input(name: string, values: Stored): GPUBuffer {
    let buffer = this.#inputs.get(values);
    if (!buffer) {
      buffer = this.#device.createBuffer({ label: name, size: paddedSize(values.byteLength), usage });
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      this.#device.queue.writeBuffer(buffer, 0, padded(bytes));
      this.#inputs.set(values, buffer);
    }
    return buffer;
  }

  #output(name: string, bytes: number): GPUBuffer {
    const key = `${name} ${bytes}`;
    let buffer = this.#outputs.get(key);
    if (!buffer) {
      buffer = this.#device.createBuffer({ label: name, size: paddedSize(bytes), usage });
      this.#outputs.set(key, buffer);
    }
    return buffer;
  }
}

/** Copies and writes go by whole words. */
const paddedSize = (bytes: number) => Math.ceil(bytes / 4) * 4;

function padded(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.length % 4 === 0) return bytes;
  const whole = new Uint8Array(paddedSize(bytes.length));
  whole.set(bytes);
  return whole;
}
