/** @file A real device made to compute nothing, so that what remains of a call is the CPU's work. */

import { bufferUsage } from '../../src/gpu/buffer-usage.ts';

/** How long the caller has waited for the device. */
export interface Waiting {
  /** Milliseconds since the last reset. */
  readonly ms: number;
  reset(): void;
}

/**
 * From now on the device leaves dispatches out, and a copy of as many bytes as one of `results` has comes from there.
 * Everything else, validation and submitting and mapping among it, is done as always. Waits for the device are clocked.
 */
export function stubDevice(device: GPUDevice, results: readonly GPUBuffer[]): Waiting {
  const clock = new WaitingClock();

  const createCommandEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder(descriptor);
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (passDescriptor) => {
      const pass = beginComputePass(passDescriptor);
      pass.dispatchWorkgroups = () => undefined;
      return pass;
    };
    const copy: CopyByRange = encoder.copyBufferToBuffer.bind(encoder);
    const replaced: CopyByRange = (source, sourceOffset, target, targetOffset, size) => {
      const result = results.find((one) => one.size === size);
      return result
        ? copy(result, 0, target, targetOffset, size)
        : copy(source, sourceOffset, target, targetOffset, size);
    };
    return Object.assign(encoder, { copyBufferToBuffer: replaced });
  };

  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if (descriptor.usage & bufferUsage.mapRead) {
      const mapAsync = buffer.mapAsync.bind(buffer);
      buffer.mapAsync = (...range) => clock.wait(mapAsync(...range));
    }
    return buffer;
  };
  const { queue } = device;
  const onSubmittedWorkDone = queue.onSubmittedWorkDone.bind(queue);
  queue.onSubmittedWorkDone = () => clock.wait(onSubmittedWorkDone());
  const popErrorScope = device.popErrorScope.bind(device);
  device.popErrorScope = () => clock.wait(popErrorScope());
  return clock;
}

/** The form of `copyBufferToBuffer` that the library uses. */
type CopyByRange = (
  source: GPUBuffer,
  sourceOffset: number,
  target: GPUBuffer,
  targetOffset: number,
  size: number,
) => undefined;

/** Time in which at least one wait is under way. */
class WaitingClock implements Waiting {
  #ms = 0;
  #pending = 0;
  #since = 0;

  get ms(): number {
    return this.#ms;
  }

  reset(): void {
    this.#ms = 0;
  }

  async wait<T>(promise: Promise<T>): Promise<T> {
    if (this.#pending++ === 0) this.#since = performance.now();
    try {
      return await promise;
    } finally {
      if (--this.#pending === 0) this.#ms += performance.now() - this.#since;
    }
  }
}
