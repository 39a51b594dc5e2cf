/** @file Getting a device: adapter, limits, and the honest word on whether it is a GPU at all. */

import { type AdapterDescription, isSoftware } from '../adapter-name.ts';
import { can, type Kinds, kind } from '../check.ts';
import { messageOf } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { Web } from '../web.ts';
import { DeviceMemory } from './device-memory.ts';

/** What computes. */
interface Computer {
  adapter: AdapterDescription;
  /** True where shaders run on the CPU (SwiftShader, lavapipe, WARP). */
  software: boolean;
}

export interface GpuContext extends Computer {
  device: GPUDevice;
  /** True on a software adapter whose shaders may use subgroups, each a quad of four threads: SwiftShader. */
  quads: boolean;
  /**
   * Where the device comes from: itself, if it is the caller's. Dawn's binding for Node needs the GPU object to stay alive as long
   * as its devices.
   */
  source: GPU | GPUDevice;
  /** True where the device is the caller's. */
  borrowed: boolean;
  /** All that is held on the device. */
  memory: DeviceMemory;
  /** Set once the device is lost: the reason, and that in words. */
  lost: Pick<GPUDeviceLostInfo, 'reason' | 'message'> | undefined;
  /** Frees all that is held on the device, and destroys the device if it was opened here. */
  close(): void;
}

/** Limits of which a device gets as much as the adapter has. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxTextureDimension2D',
] as const;

/** Features that are taken where the adapter has them: f16 shaders, timing for benchmarks, and weights read by quads. */
const wantedFeatures = ['shader-f16', 'timestamp-query', 'subgroups'] as const;

/** What a device comes from. */
export interface DeviceOptions {
  gpu?: GPU;
  device?: GPUDevice;
}

export const gpuKinds: Kinds<DeviceOptions> = {
  gpu: kind('a GPU', (value) => can(value, 'requestAdapter')),
  device: kind(
    'a GPUDevice',
    (value) => can(value, 'createBuffer') && can((value as GPUDevice).lost, 'then'),
  ),
};

/** Why there is no adapter. */
export interface Unsupported {
  reason: 'insecure-page' | 'no-webgpu' | 'no-adapter';
  /** What was expected and found, and what to do. */
  message: string;
  cause?: unknown;
}

/** The adapter of WebGPU here, or why there is none. */
export async function findAdapter(
  given: GPU | undefined,
): Promise<{ gpu: GPU; adapter: GPUAdapter } | Unsupported> {
  const gpu = given ?? globalThis.navigator?.gpu;
  if (!gpu) {
    const found = 'expected WebGPU, found no navigator.gpu';
    return globalThis.isSecureContext === false
      ? {
          reason: 'insecure-page',
          message: `${found}, as this page is not secure: serve it by https, or from localhost`,
        }
      : {
          reason: 'no-webgpu',
          message:
            `${found}: use a browser with WebGPU, Deno, or in Node pass \`gpu: await gpu()\` of ` +
            "'dbnet-webgpu/node'",
        };
  }
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter) return { gpu, adapter };
  } catch (cause) {
    return { reason: 'no-adapter', message: refusal('an adapter', cause), cause };
  }
  return {
    reason: 'no-adapter',
    message:
      'expected a WebGPU adapter, found none: enable hardware acceleration or install a graphics driver ' +
      '(on Linux without a GPU a software Vulkan driver such as SwiftShader or lavapipe)',
  };
}

const refusal = (what: string, cause: unknown): string =>
  `expected ${what} of WebGPU, found a refusal (${messageOf(cause)}): close what else uses the GPU, or update its driver`;

/**
 * Opens a device, or takes the caller's, which is then never destroyed.
 * @throws DBNetError `no-webgpu` where there is no WebGPU or no adapter, or where it gives no device.
 */
export async function openDevice(options: DeviceOptions): Promise<GpuContext> {
  if (options.device) return watch(options.device, computerOf(options.device.adapterInfo));
  const found = await findAdapter(options.gpu);
  if ('reason' in found) throw new DBNetError('no-webgpu', found.message, { cause: found.cause });
  const { gpu, adapter } = found;
  let device: GPUDevice;
  try {
    const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
    const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
    device = await adapter.requestDevice({ label: 'dbnet-webgpu', requiredLimits, requiredFeatures });
  } catch (cause) {
    throw new DBNetError('no-webgpu', refusal('a device', cause), { cause });
  }
  return watch(device, computerOf(adapter.info, adapter), gpu);
}

/**
 * What an adapter says of itself.
 * @param holder what has the flag of fallbacks where its info has none, as in Deno and older browsers.
 */
export function computerOf(info: Partial<GPUAdapterInfo> = {}, holder: object = {}): Computer {
  const { vendor = '', architecture = '', device = '', description = '', isFallbackAdapter } = info;
  const adapter = { vendor, architecture, device, description };
  const flagged = isFallbackAdapter || (holder as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  return { adapter, software: flagged || isSoftware(adapter) };
}

/**
 * True where f16 shaders compile. The feature's name alone proves nothing (Deno on Windows lists it without a
 * compiler for it), so a small module is compiled.
 */
export async function compilesF16({ device }: GpuContext): Promise<boolean> {
  if (!device.features.has('shader-f16')) return false;
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: f16Probe });
  const pipeline = device
    .createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
    .then(
      () => true,
      () => false,
    );
  const [error, compiled] = await Promise.all([device.popErrorScope(), pipeline]);
  return error === null && compiled;
}

const f16Probe = `enable f16;
@group(0) @binding(0) var<storage, read_write> values: array<vec4<f16>>;
@compute @workgroup_size(1) fn main() { values[0] = values[0] * 2.0h + vec4<f16>(vec4<f32>(values[1])); }`;

/** @param gpu of a device that was opened here. */
function watch(device: GPUDevice, on: Computer, gpu?: GPU): GpuContext {
  const memory = new DeviceMemory(device);
  const close = () => {
    memory.close();
    if (gpu) device.destroy();
  };
  const context: GpuContext = {
    device,
    ...on,
    quads: on.software && device.features?.has('subgroups') && device.adapterInfo?.subgroupMaxSize === 4,
    source: gpu ?? device,
    borrowed: !gpu,
    memory,
    lost: undefined,
    close,
  };
  void device.lost.then(({ reason, message }) => {
    // What was closed here is disposed, not lost.
    if (!memory.closed) context.lost = { reason, message: message || reason };
  });
  return context;
}

/**
 * Runs `work` and gives its result, or the first error that the device reports of what was issued in it.
 * `work` must issue its commands before its first `await`.
 * @throws DBNetError `gpu-error`, `disposed` or `device-lost`.
 */
export async function checked<T>(context: GpuContext, what: string, work: () => T | Promise<T>): Promise<T> {
  const { device } = context;
  device.pushErrorScope('internal');
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let pending: T | Promise<T>;
  let scopes: Promise<GPUError | null>[] = [];
  try {
    pending = work();
  } finally {
    scopes = [device.popErrorScope(), device.popErrorScope(), device.popErrorScope()];
  }
  // Both are awaited: a rejection of the work must not leave the scopes' promises unhandled.
  const [result, ...errors] = await Promise.allSettled([pending, ...scopes]);
  assertUsable(context);
  for (const error of errors) {
    if (error.status === 'fulfilled' && error.value) {
      throw new DBNetError('gpu-error', `${what} failed on this device: ${error.value.message}`, {
        cause: error.value,
      });
    }
  }
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/**
 * What `work` gives. What goes wrong in it because the device is lost, or the context closed, is reported as that.
 * @param signal a failure that it asked for is reported without a wait.
 * @throws DBNetError `disposed`, `device-lost`; what `work` throws.
 */
export async function explained<T>(
  context: GpuContext,
  work: () => Promise<T>,
  signal?: Web<'AbortSignal'>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isKnown = error instanceof DBNetError && error.code !== 'gpu-error';
    if (isKnown || signal?.aborted) assertUsable(context);
    else await assertStillUsable(context);
    throw error;
  }
}

/**
 * Waits for the word that a device is lost, which comes a moment after what came of it.
 * @throws DBNetError `device-lost`, `disposed`.
 */
export async function assertStillUsable(context: GpuContext): Promise<void> {
  assertUsable(context);
  await Promise.race([context.device.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
  assertUsable(context);
}

/** @throws DBNetError `device-lost` once the device is lost, `disposed` once the context is closed. */
export function assertUsable(context: GpuContext): void {
  if (context.lost) throw lossError(context.lost.message, context);
  context.memory.assertOpen();
}

/** @param why in words. */
export const lossError = (why: string, { borrowed }: Pick<GpuContext, 'borrowed'>): DBNetError =>
  new DBNetError(
    'device-lost',
    `the GPU device was lost (${why}): ` +
      (borrowed
        ? 'create a new detector with another device, or a trainer'
        : 'the next call of a detector opens another one; create a trainer anew') +
      ' from its last saveState()',
  );

/**
 * A buffer that is there: one that could not be had is freed, so that nobody takes it for memory.
 * @throws DBNetError `gpu-error`, `disposed`, `device-lost`.
 */
export async function allocate(context: GpuContext, descriptor: GPUBufferDescriptor): Promise<GPUBuffer> {
  const { memory } = context;
  let buffer: GPUBuffer | undefined;
  try {
    return await checked(context, `allocating '${descriptor.label}'`, () => {
      buffer = memory.createBuffer(descriptor);
      return buffer;
    });
  } catch (error) {
    memory.free(buffer);
    throw error;
  }
}
