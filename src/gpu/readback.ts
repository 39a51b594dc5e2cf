/** @file Copying results to the CPU: a few mappable buffers that are used again, so that frames make no new ones. */

import { bufferUsage } from './buffer-usage.ts';
import { allocate, assertStillUsable, assertUsable, type GpuContext } from './device.ts';
import { Slots } from './slots.ts';
import { whileWaking } from './wake.ts';

const mapModeRead = 0x1; // GPUMapMode.READ, which Node has no global for

/** Buffers in use at a time: one is written and others are read. With more, results would wait unread. */
const usedAtOnce = 4;

export class ReadbackPool {
  readonly #context: GpuContext;
  readonly #free: GPUBuffer[] = [];
  /** What makes room for another when a buffer is given back. */
  readonly #used = new Map<GPUBuffer, () => void>();
  readonly #slots = new Slots(usedAtOnce);

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return [...this.#free, ...this.#used.keys()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * A buffer of at least `bytes`, once one may be used. The smallest that fits is taken; one that does not fit makes room for
   * one that does.
   * @throws DBNetError `gpu-error`, `disposed`, `device-lost`.
   */
  async acquire(bytes: number): Promise<GPUBuffer> {
    const leave = await this.#slots.enter();
    const fitting = this.#free.filter(({ size }) => size >= bytes).sort((a, b) => a.size - b.size)[0];
    let taken = fitting ?? this.#free[0];
    if (taken) this.#free.splice(this.#free.indexOf(taken), 1);
    try {
      if (!fitting) {
        this.#context.memory.free(taken);
        const usage = bufferUsage.mapRead | bufferUsage.copyTo;
        taken = await allocate(this.#context, { label: 'readback', size: bytes, usage });
      }
    } catch (error) {
      leave();
      throw error;
    }
    this.#used.set(taken, leave);
    return taken;
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
    const leave = this.#used.get(buffer);
    if (!leave) return;
    this.#used.delete(buffer);
    unmap(buffer);
    this.#free.push(buffer);
    leave();
  }

  /** Frees what nobody uses. */
  trim(): void {
    this.#context.memory.free(...this.#free.splice(0));
  }

  destroy(): void {
    this.#context.memory.free(...this.#used.keys());
    for (const leave of this.#used.values()) leave();
    this.#used.clear();
    this.trim();
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
