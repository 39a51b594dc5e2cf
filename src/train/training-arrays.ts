/**
 * @file What a training run keeps on the device from step to step: parameters, gradients, moments, averages and
 * statistics, each one flat array in the order of the layouts.
 */

import { bufferUsage } from '../gpu/buffer-usage.ts';
import { checked, type GpuContext } from '../gpu/device.ts';
import type { Externals } from '../gpu/program.ts';
import { ReadbackPool } from '../gpu/readback.ts';
import type { Graph, Network } from '../graph/graph.ts';
import type { Optimizer } from './optimizer.ts';
import { type FlatLayout, pack, parameterLayout, statisticsLayout, unpack } from './plan/parameter-layout.ts';
import {
  batchStatistics,
  beforeUpdate,
  gradientOf,
  parameter,
  resources,
  runningStatistics,
} from './plan/resources.ts';

/** A tensor as PyTorch shapes it. */
export interface NamedTensor {
  shape: readonly number[];
  data: Float32Array<ArrayBuffer>;
}

/** Arrays that outlive a run. */
export type KeptArray = 'parameters' | 'running' | 'firstMoments' | 'secondMoments' | 'average';

/** What is saved as weights, and therefore kept as it was before the last step. */
const weightArrays = ['parameters', 'running', 'average'] as const;

export class TrainingArrays {
  readonly layouts: { parameters: FlatLayout; statistics: FlatLayout };
  readonly #context: GpuContext;
  readonly #readback: ReadbackPool;
  readonly #buffers = new Map<string, GPUBuffer>();
  /** The weights before the last update. */
  readonly #backups = new Map<(typeof weightArrays)[number], GPUBuffer>();

  private constructor(context: GpuContext, network: Network) {
    this.#context = context;
    this.#readback = new ReadbackPool(context);
    this.layouts = { parameters: parameterLayout(network), statistics: statisticsLayout(network) };
  }

  /**
   * Allocates what `optimizer` needs, all zero, and uploads parameters and statistics.
   * @throws DBNetError `gpu-error` if memory is out.
   */
  static async create(context: GpuContext, graph: Graph, optimizer: Optimizer): Promise<TrainingArrays> {
    const arrays = new TrainingArrays(context, graph);
    const { parameters, statistics } = arrays.layouts;
    const packed = pack(parameters, graph.parameters);
    await checked(context, 'allocating the parameters and the state of the optimizer', () => {
      const names = ['parameters', 'gradients', 'firstMoments'] as const;
      for (const name of names) arrays.#allocate(name, parameters.count);
      if (optimizer.kind === 'adamw') arrays.#allocate('secondMoments', parameters.count);
      if (optimizer.averageDecay !== undefined) {
        arrays.#allocate('average', parameters.count);
        arrays.#write('average', packed);
      }
      for (const name of ['running', 'batch'] as const) arrays.#allocate(name, statistics.count);
      for (const name of weightArrays) {
        const size = arrays.#buffers.get(name)?.size;
        if (size === undefined) continue;
        const usage = bufferUsage.storage | bufferUsage.copyFrom;
        arrays.#backups.set(name, context.memory.createBuffer({ label: beforeUpdate(name), size, usage }));
      }
      arrays.#write('parameters', packed);
      arrays.#write('running', pack(statistics, graph.parameters));
    }).catch((error) => {
      arrays.destroy();
      throw error;
    });
    return arrays;
  }

  /** Bytes of all arrays. */
  get bytes(): number {
    return [...this.#buffers.values(), ...this.#backups.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Undoes the last update of the weights. */
  restoreBackup(): void {
    const encoder = this.#context.device.createCommandEncoder();
    for (const [name, backup] of this.#backups) {
      encoder.copyBufferToBuffer(backup, 0, this.#buffers.get(name)!, 0, backup.size);
    }
    this.#context.device.queue.submit([encoder.finish()]);
  }

  /** The arrays and their slots, under the names that a training plan binds. */
  externals(): Map<string, GPUBuffer | GPUBufferBinding> {
    const externals: [string, GPUBuffer | GPUBufferBinding][] = [];
    for (const [name, buffer] of this.#buffers) {
      externals.push([resources[name as keyof typeof resources], buffer]);
    }
    for (const [name, buffer] of this.#backups) externals.push([beforeUpdate(resources[name]), buffer]);
    const slots = (layout: FlatLayout, name: keyof typeof resources, called: (slot: string) => string) => {
      for (const [slot, { offset, count }] of layout.slots) {
        const binding = { buffer: this.#buffers.get(name)!, offset: offset * 4, size: count * 4 };
        externals.push([called(slot), binding]);
      }
    };
    slots(this.layouts.parameters, 'parameters', parameter);
    slots(this.layouts.parameters, 'gradients', gradientOf);
    slots(this.layouts.statistics, 'running', runningStatistics);
    slots(this.layouts.statistics, 'batch', batchStatistics);
    return new Map(externals) satisfies Externals;
  }

  /** True if the run keeps this array. */
  has(name: KeptArray): boolean {
    return this.#buffers.has(name);
  }

  /** Reads an array as PyTorch's tensors. The moments have the names and shapes of the parameters. */
  async read(name: KeptArray | 'gradients'): Promise<Map<string, NamedTensor>> {
    const buffer = this.#buffers.get(name)!;
    const flat = new Float32Array(await this.#readback.read(buffer, buffer.size));
    return unpack(this.#layoutOf(name), flat);
  }

  /** Replaces an array by PyTorch's tensors. */
  write(name: KeptArray, source: (parameter: string) => ArrayLike<number>): void {
    this.#write(name, pack(this.#layoutOf(name), source));
  }

  destroy(): void {
    this.#readback.destroy();
    this.#context.memory.free(...this.#buffers.values(), ...this.#backups.values());
    this.#buffers.clear();
    this.#backups.clear();
  }

  #layoutOf(name: KeptArray | 'gradients'): FlatLayout {
    return name === 'running' ? this.layouts.statistics : this.layouts.parameters;
  }

  #allocate(name: keyof typeof resources, count: number): void {
    const usage = bufferUsage.storage | bufferUsage.copyFrom | bufferUsage.copyTo;
    this.#buffers.set(name, this.#context.memory.createBuffer({ label: name, size: count * 4, usage }));
  }

  #write(name: KeptArray, values: Float32Array<ArrayBuffer>): void {
    this.#context.device.queue.writeBuffer(this.#buffers.get(name)!, 0, values);
  }
}
