/**
 * @file A plan or a graph on a device, whose tensors can be looked at by name: for tests, for the benchmark, and for
 * whoever wonders where numbers go wrong.
 */

import { Arena } from '../../src/gpu/arena.ts';
import type { Step } from '../../src/gpu/bind.ts';
import { ConstantStore } from '../../src/gpu/constants.ts';
import { checked, type GpuContext } from '../../src/gpu/device.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';
import { type Externals, Program } from '../../src/gpu/program.ts';
import { ReadbackPool } from '../../src/gpu/readback.ts';
import { run, SubmitSize } from '../../src/gpu/run.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { elementCount, type KernelChoice, type TensorShape } from '../../src/graph/operation.ts';
import { type GraphPlan, type Plan, type PlanInput, plan as planOf } from '../../src/graph/plan.ts';
import type { RawImage } from '../../src/input/types.ts';
import { ImageUpload } from '../../src/input/upload.ts';
import { poison } from './assert.ts';
import { fromHalf } from './precision.ts';

export interface GraphRunOptions {
  image: RawImage & { data: Uint8Array<ArrayBuffer> };
  /** Of the network's input. */
  size: { width: number; height: number };
  input: Omit<PlanInput, 'source'>;
  choice: KernelChoice;
  /** Tensors that keep their buffers to the end, beside the graph's outputs. */
  keep?: 'all' | readonly string[];
  /** Changes the plan before it is compiled. */
  rewrite?: (plan: GraphPlan) => GraphPlan;
  pipelines?: PipelineCache;
}

/** A plan, compiled and bound. */
export class PlanRun {
  readonly program: Program;
  readonly plan: Plan;
  /** One run, all dispatches in order. */
  readonly steps: readonly Step[];
  readonly #context: GpuContext;
  readonly #arena: Arena;
  readonly #release: () => void;

  private constructor(
    context: GpuContext,
    program: Program,
    steps: readonly Step[],
    arena: Arena,
    release: () => void,
  ) {
    this.#context = context;
    this.program = program;
    this.plan = program.plan;
    this.steps = steps;
    this.#arena = arena;
    this.#release = release;
  }

  /** @param options.release called when it is destroyed, or could not be built. */
  static async build(
    context: GpuContext,
    plan: Plan,
    externals: () => Externals,
    {
      pipelines = new PipelineCache(context),
      release: also = () => {},
    }: { pipelines?: PipelineCache; release?: () => void } = {},
  ): Promise<PlanRun> {
    const constants = new ConstantStore(context, pipelines);
    const arena = new Arena(context);
    let program: Program | undefined;
    const release = () => {
      for (const owner of [program, constants, arena]) owner?.destroy();
      also();
    };
    try {
      const built = await Program.build(plan, { context, pipelines, constants, arena });
      program = built;
      const steps = await checked(context, 'binding the plan', () => built.steps(externals()));
      return new PlanRun(context, built, steps, arena, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * The plan of a graph at a size, with an image.
   *
   * @example
   * const network = await PlanRun.ofGraph(context, graph, { image, size, input, choice, keep: 'all' });
   * await network.run();
   * const values = await network.read('C2'); // f32, [height, width, channels]
   * network.destroy();
   */
  static async ofGraph(
    context: GpuContext,
    graph: Graph,
    { image, size, input, choice, keep, rewrite = (plan) => plan, pipelines }: GraphRunOptions,
  ): Promise<PlanRun> {
    const plan = rewrite(planOf(graph, size, { source: image.channels, ...input }, choice, { keep }));
    const upload = new ImageUpload(context);
    return await PlanRun.build(context, plan, () => upload.upload({ kind: 'pixels', ...image }, size), {
      pipelines,
      release: () => upload.destroy(),
    });
  }

  /** Runs once, on buffers that hold NaN, so that what is not written shows. */
  async run(): Promise<void> {
    for (const index of this.plan.bufferSizes.keys()) poison(this.#context.device, this.#arena.get(index));
    await checked(this.#context, 'running the plan', () =>
      run(this.#context, this.steps, { submitSize: new SubmitSize(this.#context), finish: () => {} }),
    );
  }

  /** The values of a tensor after a run, as f32; those of one that was not kept may have been overwritten. */
  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const bytes = await this.bytes(name);
    const { shape } = this.plan.tensors.get(name) as { shape?: TensorShape };
    return shape && bytes.byteLength === 2 * elementCount(shape)
      ? fromHalf(new Uint16Array(bytes))
      : new Float32Array(bytes);
  }

  /** The bytes of a tensor as they are stored: f32 or f16, and a mask as bits. */
  async bytes(name: string): Promise<ArrayBuffer> {
    const { buffer, bytes } = this.program.tensor(name);
    const readback = new ReadbackPool(this.#context);
    try {
      return await readback.read(buffer, bytes);
    } finally {
      readback.destroy();
    }
  }

  /** Bytes of all activation buffers. */
  get activationBytes(): number {
    return this.plan.bufferSizes.reduce((sum, size) => sum + size, 0);
  }

  destroy(): void {
    this.#release();
  }
}
