/**
 * @file Activation buffers shared by all programs of a device: as many as the largest program needs, each as large
 * as any needs. So memory is that of the largest size, not the sum over all sizes, nor of one's widest and another's
 * tallest: buffers of a plan are sorted by size, and all are in proportion to the image's pixels.
 */

import { DBNetError } from '../errors.ts';
import { bufferUsage } from './buffer-usage.ts';
import type { GpuContext } from './device.ts';

export class Arena {
  readonly #context: GpuContext;
  readonly #buffers: GPUBuffer[] = [];
  /** Grows by one whenever a buffer is replaced, so that bind groups know that they are stale. */
  generation = 0;

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  get(index: number): GPUBuffer {
    return this.#buffers[index];
  }

  /**
   * Makes every buffer at least as large as `sizes` says.
   * @throws DBNetError `limit-exceeded` if a buffer would be larger than the device allows, `disposed`.
   */
  reserve(sizes: readonly number[]): void {
    const { device, memory } = this.#context;
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const largest = Math.max(...sizes);
    if (largest > limit) {
      throw new DBNetError(
        'limit-exceeded',
        `this size needs a buffer of ${largest} bytes, but the device allows ${limit} ` +
          `(${limit === maxBufferSize ? 'maxBufferSize' : 'maxStorageBufferBindingSize'}): choose a smaller size` +
          ', or pass a device that was requested with a higher limit',
      );
    }
    sizes.forEach((size, index) => {
      const old = this.#buffers[index];
      if (old && old.size >= size) return;
      memory.free(old);
      this.#buffers[index] = memory.createBuffer({
        label: `activations ${index}`,
        size,
        usage: bufferUsage.storage | bufferUsage.copyFrom | bufferUsage.copyTo,
      });
      this.generation++;
    });
  }

  /** Frees all buffers. The next `reserve` makes new ones. */
  destroy(): void {
    this.#context.memory.free(...this.#buffers.splice(0));
    this.generation++;
  }
}
