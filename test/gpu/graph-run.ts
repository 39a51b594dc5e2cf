/**
 * @file A graph on a device, whose tensors can be looked at by name: for tests, for the benchmark, and for whoever
 * wonders where numbers go wrong.
 */

import { ImageUpload } from '../../src/detector/image-upload.ts';
import type { RawImage } from '../../src/detector/types.ts';
import { elementCount } from '../../src/graph/infer-shapes.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { type GraphPlan, type PlanChoice, type PlanInput, plan } from '../../src/graph/plan.ts';
import { Arena } from '../../src/runtime/arena.ts';
import type { Step } from '../../src/runtime/bind.ts';
import { ConstantStore } from '../../src/runtime/constants.ts';
import { checked, type GpuContext } from '../../src/runtime/gpu-context.ts';
import { PipelineCache } from '../../src/runtime/pipelines.ts';
import { Program } from '../../src/runtime/program.ts';
import { ReadbackPool } from '../../src/runtime/readback.ts';
import { run, SubmitSize } from '../../src/runtime/run.ts';
import { poison } from './assert.ts';
import { fromHalf } from './precision.ts';

export interface GraphRunOptions {
  image: RawImage & { data: Uint8Array<ArrayBuffer> };
  /** Of the network's input. */
  size: { width: number; height: number };
  input: Omit<PlanInput, 'source'>;
  choice: PlanChoice;
  /** Tensors that keep their buffers to the end, beside the graph's outputs. */
  keep?: 'all' | readonly string[];
  /** Changes the plan before it is compiled. */
  rewrite?: (plan: GraphPlan) => GraphPlan;
  pipelines?: PipelineCache;
}

/**
 * A graph at a size, compiled, with an image uploaded.
 *
 * @example
 * const network = await GraphRun.build(context, graph, { image, size, input, choice, keep: 'all' });
 * await network.run();
 * const stem = await network.read('stem'); // f32, [height, width, channels] of network.plan.tensors.get('stem').shape
 * network.destroy();
 */
export class GraphRun {
  readonly program: Program;
  readonly plan: GraphPlan;
  /** One frame, all dispatches in order. */
  readonly steps: readonly Step[];
  readonly #context: GpuContext;
  readonly #arena: Arena;
  readonly #readback: ReadbackPool;
  readonly #release: () => void;

  private constructor(
    context: GpuContext,
    program: Program,
    plan: GraphPlan,
    steps: readonly Step[],
    arena: Arena,
    release: () => void,
  ) {
    this.#context = context;
    this.program = program;
    this.plan = plan;
    this.steps = steps;
    this.#arena = arena;
    this.#readback = new ReadbackPool(context);
    this.#release = release;
  }

  static async build(
    context: GpuContext,
    graph: Graph,
    { image, size, input, choice, keep, rewrite = (plan) => plan, pipelines }: GraphRunOptions,
  ): Promise<GraphRun> {
    const planned = rewrite(plan(graph, size, { source: image.channels, ...input }, choice, { keep }));
    const constants = new ConstantStore(context);
    const arena = new Arena(context);
    const upload = new ImageUpload(context);
    let program: Program | undefined;
    const release = () => {
      for (const owner of [program, constants, arena, upload]) owner?.destroy();
    };
    try {
      const shared = { context, pipelines: pipelines ?? new PipelineCache(context), constants, arena };
      const built = await Program.build(planned, shared);
      program = built;
      const steps = await checked(context, 'uploading the image', () =>
        built.steps(upload.upload({ kind: 'pixels', ...image }, size)),
      );
      return new GraphRun(context, built, planned, steps, arena, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Runs one frame on buffers that hold NaN, so that what is not written shows. */
  async run(): Promise<void> {
    for (const index of this.plan.bufferSizes.keys()) poison(this.#context.device, this.#arena.get(index));
    await checked(this.#context, 'running the graph', () =>
      run(this.#context, this.steps, { submitSize: new SubmitSize(this.#context), finish: () => {} }),
    );
  }

  /** The values of a tensor after a run, as f32; those of one that was not kept may have been overwritten. */
  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const bytes = await this.bytes(name);
    const { shape } = this.plan.tensors.get(name)!;
    return bytes.byteLength === 2 * elementCount(shape)
      ? fromHalf(new Uint16Array(bytes))
      : new Float32Array(bytes);
  }

  /** The bytes of a tensor as they are stored: f32 or f16, and a mask as bits. */
  async bytes(name: string): Promise<ArrayBuffer> {
    const { buffer, bytes } = this.program.tensor(name);
    return await this.#readback.read(buffer, bytes);
  }

  /** Bytes of all activation buffers. */
  get activationBytes(): number {
    return this.plan.bufferSizes.reduce((sum, size) => sum + size, 0);
  }

  destroy(): void {
    this.#readback.destroy();
    this.#release();
  }
}
