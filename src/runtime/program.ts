/** @file A recorded program: a plan with its pipelines, buffers and bind groups, ready to be replayed. */

import { DBNetError } from '../errors.ts';
import type { Plan, Resource } from '../graph/plan.ts';
import type { Arena } from './arena.ts';
import { bufferUsage, type ConstantStore } from './constants.ts';
import { allocate, checked, type GpuContext } from './gpu-context.ts';
import type { PipelineCache } from './pipelines.ts';

export interface Step {
  label: string;
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  dispatch: readonly [number, number, number];
  flops: number;
}

/** What a caller binds to the plan's external resources. */
export type Externals = ReadonlyMap<string, GPUBuffer | GPUTextureView | GPUBufferBinding>;

export interface Device {
  context: GpuContext;
  pipelines: PipelineCache;
  constants: ConstantStore;
  arena: Arena;
}

export class Program {
  readonly plan: Plan;
  readonly #device: Device;
  readonly #pipelines: readonly GPUComputePipeline[];
  readonly #shapeWords: Uint32Array<ArrayBuffer>;
  readonly #shapes: GPUBuffer;
  readonly #steps: Step[] = [];
  #generation = -1;
  #externals: Externals = new Map();

  private constructor(
    plan: Plan,
    device: Device,
    pipelines: readonly GPUComputePipeline[],
    shapes: { words: Uint32Array<ArrayBuffer>; buffer: GPUBuffer },
  ) {
    this.plan = plan;
    this.#shapeWords = shapes.words;
    this.#shapes = shapes.buffer;
    this.#device = device;
    this.#pipelines = pipelines;
  }

  /**
   * Compiles a plan and uploads its constants.
   * @param onCompiled called after each pipeline with how many are ready.
   * @throws DBNetError `limit-exceeded`, `gpu-error`, `disposed`, `device-lost`.
   */
  static async build(
    plan: Plan,
    device: Device,
    onCompiled: (done: number, total: number) => void = () => {},
  ): Promise<Program> {
    const { context, arena, constants, pipelines } = device;
    checkDispatches(plan, context.device.limits.maxComputeWorkgroupsPerDimension);
    await checked(context, 'allocating the activation buffers', () => arena.reserve(plan.bufferSizes)).catch(
      (error) => {
        // What could not be had must not be taken for memory by the next, smaller size.
        arena.destroy();
        throw error;
      },
    );
    let done = 0;
    const compiling = Promise.all(
      plan.steps.map(async ({ kernel }) => {
        const pipeline = await pipelines.get(kernel);
        onCompiled(++done, plan.steps.length);
        return pipeline;
      }),
    );
    // Weights are packed while the driver compiles.
    const [compiled] = await Promise.all([compiling, constants.upload(plan.constants)]);
    return new Program(plan, device, compiled, await uploadShapes(plan, context));
  }

  /** Floating-point operations of one run. */
  get flops(): number {
    return this.plan.steps.reduce((sum, { kernel }) => sum + kernel.flops, 0);
  }

  /** Codes of the kernels in use, for {@link PipelineCache.keepOnly}. */
  get codes(): string[] {
    return this.plan.steps.map(({ kernel }) => kernel.code);
  }

  /** Changes a value in the shape of every kernel that has it, from the next submit on. */
  setShape(name: string, value: number): void {
    for (const [index, { kernel }] of this.plan.steps.entries()) {
      const word = Object.keys(kernel.shape).indexOf(name);
      const at = (index * shapeAlignment) / 4 + word;
      if (word === -1 || this.#shapeWords[at] === value) continue;
      this.#shapeWords[at] = value;
      this.#device.context.device.queue.writeBuffer(this.#shapes, at * 4, this.#shapeWords, at, 1);
    }
  }

  /** Frees what is the program's own; the rest is shared. */
  destroy(): void {
    this.#device.context.memory.free(this.#shapes);
  }

  /** The buffer and byte length of a tensor. */
  tensor(name: string): { buffer: GPUBuffer; bytes: number } {
    const { buffer, bytes } = this.plan.tensors.get(name)!;
    return { buffer: this.#device.arena.get(buffer), bytes };
  }

  /** The steps to dispatch, with bind groups made anew only where something they hold has changed. */
  steps(externals: Externals): readonly Step[] {
    const { arena } = this.#device;
    // They are there, unless another program's did not fit.
    arena.reserve(this.plan.bufferSizes);
    const stale = this.#generation !== arena.generation;
    const isNew = ({ kind, name }: Resource) =>
      kind === 'external' && externals.get(name) !== this.#externals.get(name);
    this.plan.steps.forEach(({ kernel, resources }, index) => {
      if (!stale && !resources.some(isNew)) return;
      this.#steps[index] = {
        label: kernel.label,
        pipeline: this.#pipelines[index],
        bindGroup: this.#bind(index, externals),
        dispatch: kernel.dispatch,
        flops: kernel.flops,
      };
    });
    this.#generation = arena.generation;
    this.#externals = externals;
    return this.#steps;
  }

  #bind(index: number, externals: Externals): GPUBindGroup {
    const { kernel, resources } = this.plan.steps[index];
    return this.#device.context.device.createBindGroup({
      label: kernel.label,
      layout: this.#pipelines[index].getBindGroupLayout(0),
      entries: [
        ...resources.map((resource, binding) => ({ binding, resource: this.#resource(resource, externals) })),
        {
          binding: resources.length,
          resource: {
            buffer: this.#shapes,
            offset: index * shapeAlignment,
            size: Object.keys(kernel.shape).length * 4,
          },
        },
      ],
    });
  }

  #resource(resource: Resource, externals: Externals): GPUBindingResource {
    switch (resource.kind) {
      case 'tensor': {
        const { buffer, bytes } = this.tensor(resource.name);
        return { buffer, size: bytes };
      }
      case 'constant':
        return { buffer: this.#device.constants.get(resource.name) };
      case 'external': {
        const value = externals.get(resource.name);
        if (!value) throw new Error(`nothing is bound to '${resource.name}'`);
        if ('buffer' in value) return value;
        return 'size' in value ? { buffer: value } : value;
      }
    }
  }
}

/** Uniform buffers are bound at multiples of this. */
const shapeAlignment = 256;

/** The shapes of all steps. */
function shapeWords({ steps }: Plan): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array((steps.length * shapeAlignment) / 4);
  for (const [index, { kernel }] of steps.entries()) {
    words.set(Object.values(kernel.shape), (index * shapeAlignment) / 4);
  }
  return words;
}

async function uploadShapes(
  plan: Plan,
  context: GpuContext,
): Promise<{ words: Uint32Array<ArrayBuffer>; buffer: GPUBuffer }> {
  const words = shapeWords(plan);
  const usage = bufferUsage.uniform | bufferUsage.copyTo;
  const buffer = await allocate(context, { label: 'shapes', size: words.byteLength, usage });
  context.device.queue.writeBuffer(buffer, 0, words);
  return { words, buffer };
}

/** @throws DBNetError `limit-exceeded` if a kernel needs more workgroups along one dimension than the device has. */
function checkDispatches({ steps }: Plan, limit: number): void {
  for (const { kernel } of steps) {
    const most = Math.max(...kernel.dispatch);
    if (most <= limit) continue;
    throw new DBNetError(
      'limit-exceeded',
      `this size needs ${most} workgroups in one dimension ('${kernel.label}'), but the device allows ${limit} ` +
        '(maxComputeWorkgroupsPerDimension): choose a smaller size',
    );
  }
}
