/** @file Buffers for tuning: one per binding, large enough for every class, filled once and shared by all. */

import type { Kernel } from '../kernels/kernel.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { bufferUsage } from '../runtime/constants.ts';
import { checked, type GpuContext } from '../runtime/gpu-context.ts';
import type { PipelineCache } from '../runtime/pipelines.ts';
import { compareKernel, fillKernel, madeUpNumber, poisonKernel, type Tolerance } from './check-kernels.ts';
import type { NumberAt } from './expected-value.ts';

/** A pipeline with what it is bound to. */
export interface Bound {
  kernel: Kernel;
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
}

const usage = bufferUsage.storage | bufferUsage.copyFrom | bufferUsage.copyTo;

/** Bytes between the uniforms of kernels. */
const shapeAlignment = 256;

/**
 * Uniforms that can be in use at the same time: those of the candidate (all of a class have the same), of the steps of
 * Winograd's filtering (of which only the products have others for each size), and of the kernels around them.
 */
const shapeSlots = {
  candidate: 0,
  poison: 1,
  compare: 2,
  fill: 3,
  winogradWeights: 4,
  winogradInput: 5,
  winogradOutput: 6,
  winogradProducts2: 7,
  winogradProducts4: 8,
} as const;

export type ShapeSlot = keyof typeof shapeSlots;

/** Every binding has numbers of its own, so that products do not add up to squares: FNV-1a of its name. */
const seedOf = (binding: string): number =>
  [...binding].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), 0x811c9dc5) >>> 0;

/** The made-up numbers of all bindings. */
export const numberAt: NumberAt = (binding, index) => madeUpNumber(seedOf(binding), index);

export class TuningBuffers {
  readonly #context: GpuContext;
  readonly #pipelines: PipelineCache;
  readonly #precision: Precision;
  readonly #buffers = new Map<string, GPUBuffer>();

  private constructor(context: GpuContext, pipelines: PipelineCache, precision: Precision) {
    this.#context = context;
    this.#pipelines = pipelines;
    this.#precision = precision;
  }

  /**
   * Allocates what the kernels need, any one at a time, and fills their inputs.
   * @param others bytes of more buffers.
   * @throws DBNetError `gpu-error` where memory does not suffice.
   */
  static async create(
    context: GpuContext,
    pipelines: PipelineCache,
    precision: Precision,
    kernels: readonly Kernel[],
    others: ReadonlyMap<string, number> = new Map(),
  ): Promise<TuningBuffers> {
    const buffers = new TuningBuffers(context, pipelines, precision);
    try {
      const sizes = new Map([...bufferSizes(kernels), ...others]);
      await checked(context, 'allocating buffers for tuning', () => buffers.#allocate(sizes));
      for (const name of sizes.keys()) if (isInput(name)) await buffers.#fill(name);
      return buffers;
    } catch (error) {
      buffers.destroy();
      throw error;
    }
  }

  get(name: string): GPUBuffer {
    return this.#buffers.get(name)!;
  }

  /**
   * A candidate with its inputs and the output.
   * @param slot where its uniform stands.
   * @param names buffers that it gets instead of those of its bindings' names.
   */
  async bind(
    kernel: Kernel,
    slot: ShapeSlot = 'candidate',
    names: Readonly<Record<string, string>> = {},
  ): Promise<Bound> {
    return await this.#bind(
      kernel,
      slot,
      kernel.bindings.map(({ name }) => names[name] ?? name),
    );
  }

  /** What fills the output of `bytes` bytes with NaN. */
  async poison(bytes: number): Promise<Bound> {
    return await this.#bind(poisonKernel(bytes / 4), 'poison', ['output']);
  }

  /** What counts the words of the output that differ from the reference. */
  async compare(bytes: number, tolerance: Tolerance): Promise<Bound> {
    const kernel = compareKernel(bytes / 4, tolerance, this.#precision);
    return await this.#bind(kernel, 'compare', ['output', 'reference', 'wrong']);
  }

  destroy(): void {
    this.#context.memory.free(...this.#buffers.values());
    this.#buffers.clear();
  }

  #allocate(sizes: ReadonlyMap<string, number>): void {
    const { memory } = this.#context;
    for (const [name, size] of sizes) {
      this.#buffers.set(name, memory.createBuffer({ label: `tuning: ${name}`, size, usage }));
    }
    const size = Object.keys(shapeSlots).length * shapeAlignment;
    this.#buffers.set(
      'shape',
      memory.createBuffer({ label: 'tuning: shapes', size, usage: bufferUsage.uniform | bufferUsage.copyTo }),
    );
  }

  async #fill(name: string): Promise<void> {
    const precision = name === 'bias' ? 'f32' : this.#precision;
    const kernel = fillKernel(this.get(name).size / 4, seedOf(name), precision);
    const bound = await this.#bind(kernel, 'fill', [name]);
    await checked(this.#context, `filling '${name}'`, () => {
      const encoder = this.#context.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      dispatch(pass, [bound]);
      pass.end();
      this.#context.device.queue.submit([encoder.finish()]);
    });
  }

  async #bind(kernel: Kernel, slot: ShapeSlot, names: readonly string[]): Promise<Bound> {
    const pipeline = await this.#pipelines.get(kernel);
    const { device } = this.#context;
    const shape = Uint32Array.from(Object.values(kernel.shape));
    const offset = shapeSlots[slot] * shapeAlignment;
    const resource = (index: number): GPUBufferBinding => {
      const { access, bytes } = kernel.bindings[index];
      return access === 'uniform'
        ? { buffer: this.get('shape'), offset, size: shape.byteLength }
        : { buffer: this.get(names[index]), size: bytes || undefined };
    };
    const group = await checked(this.#context, `binding '${kernel.label}'`, () => {
      device.queue.writeBuffer(this.get('shape'), offset, shape);
      return device.createBindGroup({
        label: kernel.label,
        layout: pipeline.getBindGroupLayout(0),
        entries: kernel.bindings.map((_, binding) => ({ binding, resource: resource(binding) })),
      });
    });
    return { kernel, pipeline, group };
  }
}

/** Encodes kernels one after the other, `repetitions` times. */
export function dispatch(pass: GPUComputePassEncoder, bounds: readonly Bound[], repetitions = 1): void {
  for (let i = 0; i < repetitions; i++) {
    for (const { kernel, pipeline, group } of bounds) {
      // Once is enough for a kernel that is alone.
      if (i === 0 || bounds.length > 1) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
      }
      pass.dispatchWorkgroups(...kernel.dispatch);
    }
  }
}

/** Buffers that kernels write before anything reads them. */
const written = ['output', 'reference', 'wrong', 'winogradWeights', 'tiles', 'products'];

const isInput = (name: string): boolean => !written.includes(name);

/** Bytes of the buffer for each binding, and for the reference and the count of wrong words. */
function bufferSizes(kernels: readonly Kernel[]): Map<string, number> {
  const sizes = new Map([['wrong', 4]]);
  for (const { bindings } of kernels) {
    for (const { name, access, bytes } of bindings) {
      if (access === 'uniform') continue;
      sizes.set(name, Math.max(sizes.get(name) ?? 0, bytes));
    }
  }
  sizes.set('reference', sizes.get('output') ?? 4);
  return sizes;
}
