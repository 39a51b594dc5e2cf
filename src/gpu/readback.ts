/** @file Copying results to the CPU: mappable buffers that are used again, so that frames make no new ones. */

import { bufferUsage } from './buffer-usage.ts';
import { allocate, assertStillUsable, assertUsable, type GpuContext } from './device.ts';
import { whileWaking } from './wake.ts';

const mapModeRead = 0x1; // GPUMapMode.READ, which Node has no global for

export class ReadbackPool {
  readonly #context: GpuContext;
  readonly #free: GPUBuffer[] = [];
  readonly #all = new Set<GPUBuffer>();

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return [...this.#all].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * A buffer of at least `bytes`. The smallest that fits is taken; one that does not fit makes room for one that does.
   * @throws DBNetError `gpu-error`, `disposed`, `device-lost`.
   */
  async acquire(bytes: number): Promise<GPUBuffer> {
    const fitting = this.#free.filter(({ size }) => size >= bytes).sort((a, b) => a.size - b.size)[0];
    const taken = fitting ?? this.#free[0];
    if (taken) this.#free.splice(this.#free.indexOf(taken), 1);
    if (fitting) return fitting;
    if (taken) this.#discard(taken);
    const usage = bufferUsage.mapRead | bufferUsage.copyTo;
    const buffer = await allocate(this.#context, { label: 'readback', size: bytes, usage });
    this.#all.add(buffer);
    return buffer;
  }

  /** `mapRead` of a buffer of the pool: valid until `release`. */
  map(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    return mapRead(this.#context, buffer, bytes);
  }

  /** A copy of the first `bytes` bytes of a buffer, once the commands issued so far are done. */
  async read(source: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    const staging = await this.acquire(bytes);
    try {
      const encoder = this.#context.device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, staging, 0, bytes);
      this.#context.device.queue.submit([encoder.finish()]);
      return (await this.map(staging, bytes)).slice(0);
    } finally {
      this.release(staging);
    }
  }

  /** Gives a buffer back, mapped or not. */
  release(buffer: GPUBuffer): void {
    if (!this.#all.has(buffer)) return;
    unmap(buffer);
    this.#free.push(buffer);
  }

  destroy(): void {
    this.#context.memory.free(...this.#all);
    this.#all.clear();
    this.#free.length = 0;
  }

  #discard(buffer: GPUBuffer): void {
    this.#all.delete(buffer);
    this.#context.memory.free(buffer);
  }
}

/**
 * Waits for the commands that write `buffer` and gives its first `bytes` bytes, valid until it is unmapped.
 * @throws DBNetError `disposed`, `device-lost`; what the platform says of a buffer that was destroyed.
 */
async function mapRead(context: GpuContext, buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  assertUsable(context);
  try {
    await whileWaking(context.device, buffer.mapAsync(mapModeRead, 0, bytes));
    return buffer.getMappedRange(0, bytes);
  } catch (error) {
    await assertStillUsable(context);
    throw error;
  }
}

/** Unmaps a buffer, mapped or not. Never fails. */
function unmap(buffer: GPUBuffer): void {
  try {
    // Deno refuses to unmap what is not mapped.
    if (buffer.mapState !== 'unmapped') buffer.unmap();
  } catch {
    // Deno again, once the device is lost: whoever uses the buffer next is told so.
  }
}
