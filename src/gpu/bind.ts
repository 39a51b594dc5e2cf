/**
 * @file From a kernel to a dispatch: its pipeline, its buffers and its uniform in one bind group. The only place that
 * knows how a kernel's description becomes a binding.
 */

import { type Binding, type Kernel, type UniformValues, uniformWords } from '../kernels/kernel.ts';
import { bufferUsage } from './buffer-usage.ts';
import { allocate, type GpuContext } from './device.ts';

/** What can be dispatched, any number of times. */
export interface Step {
  label: string;
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  /** Workgroups in x, y, z. */
  dispatch: readonly [number, number, number];
  flops: number;
}

/** Uniform buffers are bound at multiples of this. */
const alignment = 256;

/** The uniforms of several kernels in one buffer. */
export class Uniforms {
  readonly #context: GpuContext;
  readonly #kernels: readonly Kernel[];
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #buffer: GPUBuffer;

  private constructor(
    context: GpuContext,
    kernels: readonly Kernel[],
    words: Uint32Array<ArrayBuffer>,
    buffer: GPUBuffer,
  ) {
    this.#context = context;
    this.#kernels = kernels;
    this.#words = words;
    this.#buffer = buffer;
  }

  /** @throws DBNetError `gpu-error` where memory is out, `disposed`, `device-lost`. */
  static async create(context: GpuContext, kernels: readonly Kernel[]): Promise<Uniforms> {
    const words = new Uint32Array((kernels.length * alignment) / 4);
    for (const [index, kernel] of kernels.entries()) {
      words.set(uniformWords(kernel.shape), (index * alignment) / 4);
    }
    const usage = bufferUsage.uniform | bufferUsage.copyTo;
    const buffer = await allocate(context, { label: 'shapes', size: words.byteLength, usage });
    context.device.queue.writeBuffer(buffer, 0, words);
    return new Uniforms(context, kernels, words, buffer);
  }

  /** The uniform of kernel number `index`. */
  at(index: number): GPUBufferBinding {
    const words = Object.keys(this.#kernels[index].shape).length;
    return { buffer: this.#buffer, offset: index * alignment, size: words * 4 };
  }

  /** Changes these values in every kernel that has them, from the next submit on. */
  set(values: UniformValues): void {
    const words = uniformWords(values);
    for (const [index, { shape }] of this.#kernels.entries()) {
      const members = Object.keys(shape);
      for (const [i, name] of Object.keys(values).entries()) {
        const member = members.indexOf(name);
        const at = (index * alignment) / 4 + member;
        if (member === -1 || this.#words[at] === words[i]) continue;
        this.#words[at] = words[i];
        this.#context.device.queue.writeBuffer(this.#buffer, at * 4, this.#words, at, 1);
      }
    }
  }

  destroy(): void {
    this.#context.memory.free(this.#buffer);
  }
}

/**
 * Binds a kernel.
 * @param uniform see {@link Uniforms.at}.
 * @param resourceOf what each of the other bindings holds.
 */
export function bind(
  { device }: GpuContext,
  pipeline: GPUComputePipeline,
  kernel: Kernel,
  uniform: GPUBufferBinding,
  resourceOf: (binding: Binding, index: number) => GPUBindingResource,
): Step {
  const { label, bindings, dispatch, flops } = kernel;
  const bindGroup = device.createBindGroup({
    label,
    layout: pipeline.getBindGroupLayout(0),
    entries: bindings.map((binding, index) => ({
      binding: index,
      resource: binding.access === 'uniform' ? uniform : resourceOf(binding, index),
    })),
  });
  return { label, pipeline, bindGroup, dispatch, flops };
}

/** Encodes steps one after the other, all of them `repetitions` times. */
export function encode(pass: GPUComputePassEncoder, steps: readonly Step[], repetitions = 1): void {
  for (let i = 0; i < repetitions; i++) {
    for (const { pipeline, bindGroup, dispatch } of steps) {
      // Once is enough for a step that is alone.
      if (i === 0 || steps.length > 1) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
      }
      pass.dispatchWorkgroups(...dispatch);
    }
  }
}

/** True where a kernel stores the elements of a binding as f16. */
export function storesHalf({ code }: Kernel, name: string): boolean {
  return new RegExp(`> ${name}: array<[^;]*f16`).test(code);
}
