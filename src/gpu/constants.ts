/** @file Values that stay on the device, uploaded once and shared by all programs: the weights. */

import { DBNetError } from '../errors.ts';
import type { Constant } from '../graph/operation.ts';
import { largestHalf, toHalf } from '../kernels/half.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { checked, type GpuContext } from './device.ts';

/** The bits of `GPUBufferUsage`, which Node has no global for. */
export const bufferUsage = {
  mapRead: 0x1,
  copyFrom: 0x4,
  copyTo: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

/**
 * Weights may be finite and become what is not when they are folded, transformed or stored: then the network would
 * compute nonsense without a word.
 * @throws DBNetError `incompatible-weights`.
 */
function assertStorable(name: string, values: Float32Array, precision: Precision): void {
  const limit = precision === 'f16' ? largestHalf : Number.MAX_VALUE;
  let index = 0;
  while (index < values.length && Math.abs(values[index]) <= limit) index++;
  if (index === values.length) return;
  const hint =
    precision === 'f16' && Number.isFinite(values[index]) ? "use precision 'f32'" : 'the file is damaged';
  throw new DBNetError(
    'incompatible-weights',
    `'${name}', folded with its batch norm: expected numbers that ${precision} can hold, found ${values[index]}: ${hint}`,
  );
}

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

  /**
   * Uploads those that are not there yet.
   * @throws DBNetError `gpu-error` where memory is out, `disposed`, `device-lost`; what `data()` throws.
   */
  async upload(constants: ReadonlyMap<string, Constant>): Promise<void> {
    const missing = [...constants].filter(([name]) => !this.#buffers.has(name));
    try {
      await checked(this.#context, 'uploading the weights', () => {
        for (const [name, constant] of missing) this.#upload(name, constant);
      });
    } catch (error) {
      // What could not be had must not be taken for weights by the next program.
      for (const [name] of missing) this.#free(name);
      throw error;
    }
  }

  #upload(name: string, { precision, data }: Constant): void {
    const { device, memory } = this.#context;
    const single = data();
    assertStorable(name, single, precision);
    const values = precision === 'f16' ? toHalf(single) : single;
    const buffer = memory.createBuffer({
      label: name,
      size: values.byteLength,
      usage: bufferUsage.storage | bufferUsage.copyTo,
    });
    this.#buffers.set(name, buffer);
    device.queue.writeBuffer(buffer, 0, values);
  }

  #free(name: string): void {
    this.#context.memory.free(this.#buffers.get(name));
    this.#buffers.delete(name);
  }

  /** Frees all that are not in `used`. */
  keepOnly(used: ReadonlySet<string>): void {
    for (const name of this.#buffers.keys()) if (!used.has(name)) this.#free(name);
  }

  /** The buffer called `name`, which must have been uploaded. */
  get(name: string): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new Error(`the constant '${name}' was not uploaded`);
    return buffer;
  }

  destroy(): void {
    for (const name of this.#buffers.keys()) this.#free(name);
  }
}
