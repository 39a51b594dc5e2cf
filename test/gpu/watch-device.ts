/** @file A device that tells what is held on it, and lets something happen at any moment at which its user waits. */

type Methods = Record<string, (...args: never[]) => unknown>;

/** Replaces a method by one that is given the original. */
function wrap(target: object, method: string, wrapper: (original: (...args: never[]) => unknown) => unknown) {
  const original = (target as Methods)[method].bind(target);
  Object.defineProperty(target, method, { value: wrapper(original), configurable: true });
}

export interface WatchedDevice {
  /** Labels of the buffers, textures and query sets that were made and not destroyed, sorted. */
  held(): string[];
  /** How many promises of the device have been settled since `at`. */
  readonly answers: number;
  /** Does something before whoever waits for the `answer`-th answer from now on goes on. Counts from 1. */
  at(answer: number, action: () => void): void;
  /** Asks for more than any device has when a buffer with this label is made next. */
  failOnce(label: string): void;
}

/** Watches a device from now on. */
export function watchDevice(device: GPUDevice): WatchedDevice {
  const held = new Map<object, string>();
  let answers = 0;
  let failing: string | undefined;
  let moment = { answer: 0, action: () => {} };

  const answer = (original: (...args: never[]) => unknown) =>
    ((...args: never[]) => {
      const settled = () => {
        answers += 1;
        if (answers === moment.answer) moment.action();
      };
      return (original(...args) as Promise<unknown>).finally(settled);
    }) satisfies Methods[string];

  for (const method of ['createBuffer', 'createTexture', 'createQuerySet']) {
    wrap(device, method, (original) => (descriptor: GPUBufferDescriptor) => {
      const fails = failing !== undefined && descriptor.label === failing;
      if (fails) failing = undefined;
      const resource = original(
        (fails ? { ...descriptor, size: 2 ** 45 } : descriptor) as never,
      ) as GPUBuffer;
      held.set(resource, resource.label);
      wrap(resource, 'destroy', (destroy) => () => {
        held.delete(resource);
        destroy();
      });
      if (method === 'createBuffer') wrap(resource, 'mapAsync', answer);
      return resource;
    });
  }
  for (const method of ['createComputePipelineAsync', 'popErrorScope']) wrap(device, method, answer);
  wrap(device.queue, 'onSubmittedWorkDone', answer);
  return {
    held: () => [...held.values()].sort(),
    get answers() {
      return answers;
    },
    at(answer, action) {
      answers = 0;
      moment = { answer, action };
    },
    failOnce(label) {
      failing = label;
    },
  };
}

/** `count` whole numbers from 1 to `last`, evenly spread. */
export function spread(count: number, last: number): number[] {
  return Array.from({ length: count }, (_, i) => 1 + Math.round((i * (last - 1)) / (count - 1)));
}
