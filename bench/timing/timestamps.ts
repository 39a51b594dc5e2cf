/** @file Timestamp queries: the query set, and its way to the CPU. */

import { bufferUsage } from '../../src/runtime/constants.ts';

const queryResolve = 0x200; // GPUBufferUsage.QUERY_RESOLVE, which Node has no global for
const mapModeRead = 0x1; // GPUMapMode.READ, likewise

/** Bytes of a timestamp. */
const stampBytes = 8;

export class TimestampReader {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  /** @param count timestamps that are taken per submit, two for each pass. */
  constructor(device: GPUDevice, count: number) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: 'timestamp', count });
    const size = count * stampBytes;
    this.#resolved = device.createBuffer({ size, usage: queryResolve | bufferUsage.copyFrom });
    this.#staging = device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyTo });
  }

  /** Where pass number `index` of a submit writes its start and its end. */
  writes(index: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    };
  }

  /** Submits the encoder's commands, waits, and gives all timestamps, nanoseconds. */
  async read(encoder: GPUCommandEncoder): Promise<BigUint64Array> {
    const { count } = this.#queries;
    encoder.resolveQuerySet(this.#queries, 0, count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, count * stampBytes);
    this.#device.queue.submit([encoder.finish()]);
    await this.#staging.mapAsync(mapModeRead);
    const stamps = new BigUint64Array(this.#staging.getMappedRange().slice(0));
    this.#staging.unmap();
    return stamps;
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#staging.destroy();
  }
}
