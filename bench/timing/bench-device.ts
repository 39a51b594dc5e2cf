/** @file The device that is measured: all that the adapter offers, and what it says of itself. */

import { DBNetError } from '../../src/errors.ts';
import type { GpuContext } from '../../src/runtime/gpu-context.ts';
import { openDevice } from '../../src/runtime/gpu-context.ts';

export interface BenchDevice {
  context: GpuContext;
  /** As the adapter states it; drivers add entries of their own, such as `driver` in Chrome. */
  adapterInfo: Record<string, string | number | boolean>;
  isFallbackAdapter: boolean;
  features: string[];
  /** f16 shaders are offered, and a small one compiles. */
  f16: boolean;
  timestamps: boolean;
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
  const adapterInfo = describeAdapter(adapter.info);
  // Older browsers and Deno have the flag on the adapter itself.
  const isFallbackAdapter =
    adapter.info.isFallbackAdapter === true ||
    (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  return {
    context: Object.assign(opened, { software: opened.software || isFallbackAdapter }),
    adapterInfo,
    isFallbackAdapter,
    features: [...device.features].sort(),
    f16: device.features.has('shader-f16') && (await compilesF16(device)),
    timestamps: device.features.has('timestamp-query'),
    close: () => device.destroy(),
  };
}

/** Getters live on the prototype, and there may be more of them than the standard names. */
function describeAdapter(info: GPUAdapterInfo): Record<string, string | number | boolean> {
  const entries: [string, string | number | boolean][] = [];
  for (const name in info) {
    const value: unknown = info[name as keyof GPUAdapterInfo];
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      if (value !== '' && !name.startsWith('__')) entries.push([name, value]);
    }
  }
  const standard = ['vendor', 'architecture', 'device', 'description'] as const;
  return {
    ...Object.fromEntries(standard.map((name) => [name, info[name] ?? ''])),
    ...Object.fromEntries(entries),
  };
}

/** The feature's name alone proves nothing: some drivers offer it and then refuse the shader. */
async function compilesF16(device: GPUDevice): Promise<boolean> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({
    label: 'f16 probe',
    code: /* wgsl */ `enable f16;
@group(0) @binding(0) var<storage, read_write> values: array<vec4<f16>>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  values[id.x] = values[id.x] * values[id.x] + vec4<f16>(1.0h);
}
`,
  });
  const pipeline = device
    .createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
    .then(
      () => true,
      () => false,
    );
  const [error, compiled] = await Promise.all([device.popErrorScope(), pipeline]);
  return error === null && compiled;
}
