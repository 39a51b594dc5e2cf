/**
 * @file Maps that stay on the GPU after their frame: copies in buffers that are used again, as many as frames are in
 * flight, so that the next frame may write the original. What is brought back of them is sums over spans.
 */

import type { Kernel } from '../kernels/kernel.ts';
import { spanSums } from '../kernels/span-sums.ts';
import { bufferUsage } from './constants.ts';
import { allocate, checked, type GpuContext } from './gpu-context.ts';
import type { PipelineCache } from './pipelines.ts';
import { mapRead, unmap } from './readback.ts';

/** Spans in groups; see `spanSums`. The arrays may be longer than what is used. */
export interface Spans {
  groups: number;
  spans: Uint32Array<ArrayBuffer>;
  starts: Uint32Array<ArrayBuffer>;
}

/** Buffers are made for so many groups and spans at least, and twice as many where that is too few. */
const leastGroups = 2048;
const leastSpans = 16_384;

/** A copy of a map, with what is needed to add parts of it up. */
interface Holder {
  map: GPUBuffer;
  /** Undefined until there are spans. */
  work: Work | undefined;
}

interface Work {
  spans: GPUBuffer;
  starts: GPUBuffer;
  sums: GPUBuffer;
  staging: GPUBuffer;
  shape: GPUBuffer;
  group: GPUBindGroup;
}

/** One map that is held for one frame. */
export interface HeldMap {
  /** Takes the copy, within the frame's commands. */
  buffer: GPUBuffer;
  bytes: number;
  holder: Holder;
}

export class HeldMaps {
  readonly #context: GpuContext;
  readonly #pipelines: PipelineCache;
  readonly #free: Holder[] = [];
  readonly #all = new Set<Holder>();
  #pipeline: GPUComputePipeline | undefined;
  #destroyed = false;

  constructor(context: GpuContext, pipelines: PipelineCache) {
    this.#context = context;
    this.#pipelines = pipelines;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return [...this.#all].flatMap(buffersOf).reduce((sum, { size }) => sum + size, 0);
  }

  /** Compiles what `sum` needs. */
  async prepare(): Promise<void> {
    // Held here, since the cache drops what no program uses.
    this.#pipeline ??= await this.#pipelines.get(this.#kernel(1, 1, 1));
  }

  /** Room for a map of `bytes` bytes, until `release`. The smallest free one that fits is taken, else one is replaced. */
  async hold(bytes: number): Promise<HeldMap> {
    const fitting = this.#free
      .filter(({ map }) => map.size >= bytes)
      .sort((a, b) => a.map.size - b.map.size)[0];
    const taken = fitting ?? this.#free[0];
    if (taken) this.#free.splice(this.#free.indexOf(taken), 1);
    if (fitting) return { buffer: fitting.map, bytes, holder: fitting };
    if (taken) this.#discard(taken);
    const { storage, copyTo, copyFrom } = bufferUsage;
    const usage = storage | copyTo | copyFrom;
    const map = await allocate(this.#context, { label: 'held map', size: bytes, usage });
    const holder: Holder = { map, work: undefined };
    this.#all.add(holder);
    return { buffer: map, bytes, holder };
  }

  /**
   * The sum of the map's values over each group of spans. Reads `spans` before the first `await`.
   * @returns one sum per group, f32.
   * @throws DBNetError `gpu-error`, `disposed`, `device-lost`.
   */
  async sum({ holder, bytes }: HeldMap, { groups, spans, starts }: Spans): Promise<Float32Array> {
    const pipeline = this.#pipeline;
    if (!pipeline) throw new Error('nothing was prepared');
    const { device } = this.#context;
    const { queue } = device;
    const count = starts[groups];
    const kernel = this.#kernel(bytes / 4, count, groups);
    const encode = (work: Work) => {
      queue.writeBuffer(work.spans, 0, spans, 0, 2 * count);
      queue.writeBuffer(work.starts, 0, starts, 0, groups + 1);
      queue.writeBuffer(work.shape, 0, Uint32Array.from(Object.values(kernel.shape)));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, work.group);
      pass.dispatchWorkgroups(...kernel.dispatch);
      pass.end();
      encoder.copyBufferToBuffer(work.sums, 0, work.staging, 0, 4 * groups);
      queue.submit([encoder.finish()]);
      return work;
    };
    const fits =
      holder.work && holder.work.spans.size >= 8 * count && holder.work.starts.size >= 4 * (groups + 1);
    const work =
      holder.work && fits
        ? encode(holder.work)
        : await checked(this.#context, 'adding up parts of a map', () =>
            encode(this.#replaceWork(holder, pipeline, count, groups)),
          ).catch((error) => {
            this.#discardWork(holder);
            throw error;
          });
    const mapped = await mapRead(this.#context, work.staging, 4 * groups);
    const sums = new Float32Array(mapped).slice();
    unmap(work.staging);
    return sums;
  }

  /** Gives the room back, whatever became of it. */
  release({ holder }: HeldMap): void {
    if (this.#destroyed) return;
    if (holder.work) unmap(holder.work.staging);
    this.#free.push(holder);
  }

  destroy(): void {
    this.#destroyed = true;
    for (const holder of this.#all) this.#discard(holder);
    this.#free.length = 0;
  }

  #kernel(values: number, spans: number, groups: number): Kernel {
    const by = this.#context.software ? 'thread' : 'workgroup';
    // How many pixels the spans have matters to benchmarks only.
    return spanSums({ label: 'span sums', values, spans, groups, pixels: 0 }, { by });
  }

  #replaceWork(holder: Holder, pipeline: GPUComputePipeline, spans: number, groups: number): Work {
    this.#discardWork(holder);
    const { device } = this.#context;
    const { storage, copyTo, copyFrom, mapRead, uniform } = bufferUsage;
    const room = powerOfTwo(Math.max(leastGroups, groups + 1));
    const buffers = {
      spans: this.#create('spans', 8 * powerOfTwo(Math.max(leastSpans, spans)), storage | copyTo),
      starts: this.#create('starts of groups', 4 * room, storage | copyTo),
      sums: this.#create('sums', 4 * room, storage | copyFrom),
      staging: this.#create('sums, read back', 4 * room, mapRead | copyTo),
      shape: this.#create('shape of the sums', 16, uniform | copyTo),
    };
    const bound = [holder.map, buffers.spans, buffers.starts, buffers.sums, buffers.shape];
    const group = device.createBindGroup({
      label: 'span sums',
      layout: pipeline.getBindGroupLayout(0),
      entries: bound.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    holder.work = { ...buffers, group };
    return holder.work;
  }

  #create(label: string, size: number, usage: number): GPUBuffer {
    return this.#context.memory.createBuffer({ label, size, usage });
  }

  #discardWork(holder: Holder): void {
    this.#context.memory.free(...buffersOf(holder).filter((buffer) => buffer !== holder.map));
    holder.work = undefined;
  }

  #discard(holder: Holder): void {
    this.#all.delete(holder);
    this.#context.memory.free(...buffersOf(holder));
  }
}

function buffersOf({ map, work }: Holder): GPUBuffer[] {
  return work ? [map, work.spans, work.starts, work.sums, work.staging, work.shape] : [map];
}

const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(least));
