/** @file A recorded program: a plan with its pipelines, buffers and bind groups, ready to be replayed. */

import { DBNetError } from '../errors.ts';
import type { Resource } from '../graph/operation.ts';
import type { Plan } from '../graph/plan.ts';
import type { UniformValues } from '../kernels/kernel.ts';
import { bind, type Step, Uniforms } from './bind.ts';
import { checked } from './device.ts';
import type { EngineDevice } from './engine-device.ts';

/** What a caller binds to the plan's external resources. */
export type Externals = ReadonlyMap<
  string,
  GPUBuffer | GPUTextureView | GPUExternalTexture | GPUBufferBinding
>;

/** What the programs of one device share. */
export type SharedResources = Pick<EngineDevice, 'context' | 'pipelines' | 'constants' | 'arena'>;

export class Program {
  readonly plan: Plan;
  readonly #shared: SharedResources;
  readonly #pipelines: readonly GPUComputePipeline[];
  readonly #uniforms: Uniforms;
  readonly #steps: Step[] = [];
  #generation = -1;
  #externals: Externals = new Map();

  private constructor(
    plan: Plan,
    shared: SharedResources,
    pipelines: readonly GPUComputePipeline[],
    uniforms: Uniforms,
  ) {
    this.plan = plan;
    this.#uniforms = uniforms;
    this.#shared = shared;
    this.#pipelines = pipelines;
  }

  /**
   * Compiles a plan and uploads its constants.
   * @param onCompiled called after each pipeline with how many are ready.
   * @throws DBNetError `limit-exceeded`, `gpu-error`, `disposed`, `device-lost`.
   */
  static async build(
    plan: Plan,
    shared: SharedResources,
    onCompiled: (done: number, total: number) => void = () => {},
  ): Promise<Program> {
    const { context, arena, constants, pipelines } = shared;
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
    const kernels = plan.steps.map(({ kernel }) => kernel);
    return new Program(plan, shared, compiled, await Uniforms.create(context, kernels));
  }

  /** Floating-point operations of one run. */
  get flops(): number {
    return this.plan.steps.reduce((sum, { kernel }) => sum + kernel.flops, 0);
  }

  /** Codes of the kernels in use, for {@link PipelineCache.keepOnly}. */
  get codes(): string[] {
    return this.plan.steps.map(({ kernel }) => kernel.code);
  }

  /** Changes these values in the shape of every kernel that has them, from the next submit on. */
  setShape(values: UniformValues): void {
    this.#uniforms.set(values);
  }

  /** Frees what is the program's own; the rest is shared. */
  destroy(): void {
    this.#uniforms.destroy();
  }

  /** The buffer and byte length of a tensor. */
  tensor(name: string): { buffer: GPUBuffer; bytes: number } {
    const { buffer, bytes } = this.plan.tensors.get(name)!;
    return { buffer: this.#shared.arena.get(buffer), bytes };
  }

  /** The steps to dispatch, with bind groups made anew only where something they hold has changed. */
  steps(externals: Externals): readonly Step[] {
    const { arena } = this.#shared;
    // They are there, unless another program's did not fit.
    arena.reserve(this.plan.bufferSizes);
    const stale = this.#generation !== arena.generation;
    const isNew = ({ kind, name }: Resource) =>
      kind === 'external' && externals.get(name) !== this.#externals.get(name);
    this.plan.steps.forEach(({ kernel, resources }, index) => {
      if (!stale && !resources.some(isNew)) return;
      this.#steps[index] = bind(
        this.#shared.context,
        this.#pipelines[index],
        kernel,
        this.#uniforms.at(index),
        (_, binding) => this.#resource(resources[binding], externals),
      );
    });
    this.#generation = arena.generation;
    this.#externals = externals;
    return this.#steps;
  }

  #resource(resource: Resource, externals: Externals): GPUBindingResource {
    switch (resource.kind) {
      case 'tensor': {
        const { buffer, bytes } = this.tensor(resource.name);
        return { buffer, size: bytes };
      }
      case 'constant':
        return { buffer: this.#shared.constants.get(resource.name) };
      case 'external': {
        const value = externals.get(resource.name);
        if (!value) throw new Error(`nothing is bound to '${resource.name}'`);
        if ('buffer' in value) return value;
        return 'size' in value ? { buffer: value } : value;
      }
    }
  }
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
