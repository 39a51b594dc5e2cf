/**
 * @file Who holds what on a device: everything that takes memory there is made here, so that closing frees all of it,
 * and whoever is still under way then cannot make more.
 */

import { DBNetError } from '../errors.ts';

type Resource = GPUBuffer | GPUTexture | GPUQuerySet;

export class DeviceMemory {
  readonly #device: GPUDevice;
  readonly #held = new Set<Resource>();
  #closed = false;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** True from `close` on. */
  get closed(): boolean {
    return this.#closed;
  }

  /** @throws DBNetError `disposed` once closed; what the device itself complains of, it reports as usual. */
  createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    return this.#hold(() => this.#device.createBuffer(descriptor));
  }

  /** @throws DBNetError `disposed` once closed. */
  createTexture(descriptor: GPUTextureDescriptor): GPUTexture {
    return this.#hold(() => this.#device.createTexture(descriptor));
  }

  /** @throws DBNetError `disposed` once closed. */
  createQuerySet(descriptor: GPUQuerySetDescriptor): GPUQuerySet {
    return this.#hold(() => this.#device.createQuerySet(descriptor));
  }

  /** Frees what was made here; what is freed already, or missing, stays as it is. */
  free(...resources: (Resource | undefined)[]): void {
    for (const resource of resources) if (resource && this.#held.delete(resource)) resource.destroy();
  }

  /** Frees everything; nothing more can be made. */
  close(): void {
    this.#closed = true;
    this.free(...this.#held);
  }

  /** @throws DBNetError `disposed` once closed. */
  assertOpen(): void {
    if (this.#closed) {
      throw new DBNetError('disposed', 'the detector or trainer was disposed: create a new one');
    }
  }

  #hold<T extends Resource>(make: () => T): T {
    this.assertOpen();
    const resource = make();
    this.#held.add(resource);
    return resource;
  }
}
