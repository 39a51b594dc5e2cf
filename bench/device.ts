/** @file The device that is measured: all that the adapter offers, and what it says of itself. */

import { DBNetError } from '../src/errors.ts';
import { compilesF16, type GpuContext, openDevice } from '../src/gpu/device.ts';

export interface BenchDevice {
  context: GpuContext;
  /** As the adapter states it; drivers add entries of their own, such as `driver` in Chrome. */
  adapterInfo: Record<string, string | number | boolean>;
  isFallbackAdapter: boolean;
  features: string[];
  /** f16 shaders are offered, and a small one compiles. */
  f16: boolean;
  close(): void;
}

/** Features that kernels or timers may use. */
const wantedFeatures: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups'];

/** Limits of which the device gets as much as the adapter has, so that large tiles and buffers can be tried. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxTextureDimension2D',
] as const;

/**
 * Opens a device of the adapter that the library would take.
 * @throws DBNetError `no-webgpu` if there is no adapter.
 */
export async function openBenchDevice(gpu: GPU): Promise<BenchDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new DBNetError(
      'no-webgpu',
      'expected a WebGPU adapter, found none: install a graphics driver, or enable WebGPU',
    );
  }
  const device = await adapter.requestDevice({
    label: 'benchmark',
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]])),
  });
  const opened = await openDevice({ device });
  // Older browsers and Deno have the flag on the adapter itself.
  const isFallbackAdapter =
    adapter.info.isFallbackAdapter === true ||
    (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  return {
    context: Object.assign(opened, { software: opened.software || isFallbackAdapter }),
    adapterInfo: describeAdapter(adapter.info),
    isFallbackAdapter,
    features: [...device.features].sort(),
    f16: await compilesF16(opened),
    close: () => device.destroy(),
  };
}

/** Getters live on the prototype, and there may be more of them than the standard names. */
function describeAdapter(info: GPUAdapterInfo): BenchDevice['adapterInfo'] {
  const standard = ['vendor', 'architecture', 'device', 'description'] as const;
  const described: BenchDevice['adapterInfo'] = Object.fromEntries(
    standard.map((name) => [name, info[name] ?? '']),
  );
  for (const name in info) {
    const value: unknown = info[name as keyof GPUAdapterInfo];
    const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
    if (isPlain && value !== '' && !name.startsWith('__')) described[name] = value as string;
  }
  return described;
}
