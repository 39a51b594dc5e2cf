/** @file Pipelines, compiled without blocking and shared by all kernels with the same code. */

import { DBNetError } from '../errors.ts';
import type { Binding, Kernel } from '../kernels/kernel.ts';
import type { GpuContext } from './device.ts';

export class PipelineCache {
  readonly #context: GpuContext;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** Number of pipelines held. */
  get size(): number {
    return this.#pipelines.size;
  }

  /**
   * The pipeline of a kernel; compiled on first use.
   * @throws DBNetError `gpu-error` with the annotated source if the shader is refused.
   */
  get(kernel: Kernel): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(kernel.code);
    if (!pipeline) {
      pipeline = compile(this.#context.device, kernel);
      // A failure is reported to whoever asked; the next one may try again.
      pipeline.catch(() => this.#pipelines.delete(kernel.code));
      this.#pipelines.set(kernel.code, pipeline);
    }
    return pipeline;
  }

  /** Drops all pipelines whose code is not in `used`. */
  keepOnly(used: ReadonlySet<string>): void {
    for (const code of this.#pipelines.keys()) if (!used.has(code)) this.#pipelines.delete(code);
  }
}

function layoutOf(
  access: Binding['access'],
): Pick<GPUBindGroupLayoutEntry, 'texture' | 'externalTexture' | 'buffer'> {
  switch (access) {
    case 'texture':
      return { texture: {} };
    case 'external':
      return { externalTexture: {} };
    case 'uniform':
      return { buffer: { type: 'uniform' } };
    default:
      return { buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' } };
  }
}

async function compile(device: GPUDevice, kernel: Kernel): Promise<GPUComputePipeline> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: kernel.label, code: kernel.code });
  const moduleError = device.popErrorScope();
  const layout = device.createPipelineLayout({
    label: kernel.label,
    bindGroupLayouts: [
      device.createBindGroupLayout({
        label: kernel.label,
        entries: kernel.bindings.map(({ access }, binding) => ({
          binding,
          visibility: 0x4, // GPUShaderStage.COMPUTE, which Node has no global for
          ...layoutOf(access),
        })),
      }),
    ],
  });
  const pipeline = device.createComputePipelineAsync({
    label: kernel.label,
    layout,
    compute: { module, entryPoint: 'main' },
  });
  try {
    const [created, error] = await Promise.all([pipeline, moduleError]);
    if (error) throw error;
    return created;
  } catch (cause) {
    const messages = await module.getCompilationInfo().then(
      (info) => info.messages,
      () => [],
    );
    throw new DBNetError(
      'gpu-error',
      `the shader '${kernel.label}' was refused by this device: ${describe(cause)}\n${annotate(kernel.code, messages)}`,
      { cause },
    );
  }
}

/** Lines of source shown before and after one with a message. */
const linesAround = 3;

const describe = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);

/** The source around each message, with the message under its line; all of it where no line is named. */
function annotate(code: string, messages: readonly GPUCompilationMessage[]): string {
  const isNear = (index: number) =>
    messages.every(({ lineNum }) => lineNum === 0) ||
    messages.some(({ lineNum }) => Math.abs(lineNum - 1 - index) <= linesAround);
  return code
    .split('\n')
    .flatMap((line, index) => (isNear(index) ? [[line, index] as const] : []))
    .flatMap(([line, index]) => [
      `${String(index + 1).padStart(4)} | ${line}`,
      ...messages
        .filter(({ lineNum }) => lineNum === index + 1)
        .map(({ linePos, message, type }) => `${' '.repeat(6 + Math.max(linePos, 1))}^ ${type}: ${message}`),
    ])
    .join('\n');
}
