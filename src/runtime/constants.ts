/** @file Values that stay on the device, uploaded once and shared by all programs: the weights. */

import type { Constant } from '../graph/operation.ts';
import { toHalf } from '../kernels/half.ts';
import type { GpuContext } from './gpu-context.ts';

/** The bits of `GPUBufferUsage`, which Node has no global for. */
export const bufferUsage = {
  mapRead: 0x1,
  copyFrom: 0x4,
  copyTo: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

export class ConstantStore {
  readonly #context: GpuContext;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return [...this.#buffers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Uploads those that are not there yet. */
  upload(constants: ReadonlyMap<string, Constant>): void {
    const { device } = this.#context;
    for (const [name, { precision, data }] of constants) {
      if (this.#buffers.has(name)) continue;
      const values = precision === 'f16' ? toHalf(data()) : data();
      const buffer = device.createBuffer({
        label: name,
        size: values.byteLength,
        usage: bufferUsage.storage | bufferUsage.copyTo,
      });
      device.queue.writeBuffer(buffer, 0, values);
      this.#buffers.set(name, buffer);
    }
  }

  /** Frees all that are not in `used`. */
  keepOnly(used: ReadonlySet<string>): void {
    for (const [name, buffer] of this.#buffers) {
      if (used.has(name)) continue;
      buffer.destroy();
      this.#buffers.delete(name);
    }
  }

  /** The buffer called `name`, which must have been uploaded. */
  get(name: string): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new Error(`the constant '${name}' was not uploaded`);
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }
}
