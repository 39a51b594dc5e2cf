/** @file A device that tells what is held on it, and lets something happen at any moment at which its user waits. */

type Methods = Record<string, (...args: never[]) => unknown>;

/** Replaces a method by one that is given the original. */
function wrap(target: object, method: string, wrapper: (original: (...args: never[]) => unknown) => unknown) {
  const original = (target as Methods)[method].bind(target);
  Object.defineProperty(target, method, { value: wrapper(original), configurable: true });
}

/** Methods of a device that make an object. */
const makers = [
  ...['createBuffer', 'createTexture', 'createQuerySet', 'createSampler', 'importExternalTexture'],
  ...['createShaderModule', 'createBindGroupLayout', 'createPipelineLayout', 'createBindGroup'],
  ...[
    'createComputePipeline',
    'createComputePipelineAsync',
    'createRenderPipeline',
    'createRenderPipelineAsync',
  ],
  ...['createCommandEncoder', 'createRenderBundleEncoder'],
];

export interface WatchedDevice {
  /** Labels of the buffers, textures and query sets that were made and not destroyed, sorted. */
  held(): string[];
  /** Of what is held: bytes of buffers, and of textures with 4 bytes a pixel. */
  heldBytes(): number;
  /** How often each method that makes an object was called while `work` ran, and `submit`; those that were not are left out. */
  callsDuring(work: () => Promise<unknown>): Promise<Record<string, number>>;
  /** How many promises of the device have been settled since `at`. */
  readonly answers: number;
  /** Does something before whoever waits for the `answer`-th answer from now on goes on. Counts from 1. */
  at(answer: number, action: () => void): void;
  /** Asks for more than any device has when a buffer with this label is made next. */
  failOnce(label: string): void;
}

/** Watches a device from now on. */
export function watchDevice(device: GPUDevice): WatchedDevice {
  const held = new Map<GPUBuffer | GPUTexture | GPUQuerySet, string>();
  let calls: Record<string, number> = {};
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

  const count = (target: object, method: string) =>
    wrap(target, method, (original) => (...args: never[]) => {
      calls[method] = (calls[method] ?? 0) + 1;
      return original(...args);
    });

  for (const method of makers) if (method in device) count(device, method);
  count(device.queue, 'submit');
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
      if (method === 'createTexture') count(resource, 'createView');
      return resource;
    });
  }
  for (const method of ['createComputePipelineAsync', 'popErrorScope']) wrap(device, method, answer);
  wrap(device.queue, 'onSubmittedWorkDone', answer);
  return {
    held: () => [...held.values()].sort(),
    heldBytes: () =>
      [...held.keys()].reduce((sum, resource) => {
        if ('size' in resource) return sum + resource.size;
        return 'width' in resource ? sum + 4 * resource.width * resource.height : sum;
      }, 0),
    async callsDuring(work) {
      calls = {};
      await work();
      return calls;
    },
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

export interface WatchedGpu {
  gpu: GPU;
  /** The devices that it gave, the newest last. */
  devices: { device: GPUDevice; watched: WatchedDevice }[];
  /** Has no adapter for who asks next. */
  refuseNext(): void;
  /** Loses the next device at the `answer`-th answer. */
  loseNext(answer: number): void;
}

/**
 * A GPU that remembers the devices that it gives, and can lose the newest at a moment of its life.
 * @param reason what devices that are destroyed say: `unknown` is what a driver does of its own accord.
 */
export function watchedGpu(gpu: GPU, reason: GPUDeviceLostReason = 'destroyed'): WatchedGpu {
  const devices: WatchedGpu['devices'] = [];
  let ahead = { answer: 0, action: (_: GPUDevice) => {} };
  let refuses = false;
  const requestAdapter = async (options?: GPURequestAdapterOptions) => {
    if (refuses) {
      refuses = false;
      return null;
    }
    const adapter = (await gpu.requestAdapter(options))!;
    const requestDevice = adapter.requestDevice.bind(adapter);
    const watch = async (descriptor?: GPUDeviceDescriptor) => {
      const device = await requestDevice(descriptor);
      if (reason !== 'destroyed') {
        const lost = device.lost.then(({ message }) => ({ reason, message }));
        Object.defineProperty(device, 'lost', { value: lost });
      }
      const watched = watchDevice(device);
      const { answer, action } = ahead;
      watched.at(answer, () => action(device));
      devices.push({ device, watched });
      return device;
    };
    Object.defineProperty(adapter, 'requestDevice', { value: watch });
    return adapter;
  };
  return {
    gpu: { requestAdapter } as GPU,
    devices,
    refuseNext() {
      refuses = true;
    },
    loseNext(answer: number) {
      ahead = {
        answer,
        action: (device) => {
          ahead = { answer: 0, action: () => {} };
          device.destroy();
        },
      };
    },
  };
}

/** `count` whole numbers from 1 to `last`, evenly spread. */
export function spread(count: number, last: number): number[] {
  return Array.from({ length: count }, (_, i) => 1 + Math.round((i * (last - 1)) / (count - 1)));
}
