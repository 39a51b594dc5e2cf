/** @file The whole network on the device: compiled, with an image uploaded, ready to be repeated. */

import { ImageUpload } from '../../src/detector/image-upload.ts';
import type { Graph } from '../../src/graph/layers.ts';
import type { Fusion } from '../../src/graph/passes/index.ts';
import type { WinogradRule } from '../../src/graph/passes/winograd.ts';
import { type KernelChoice, type Plan, plan } from '../../src/graph/plan.ts';
import { Arena } from '../../src/runtime/arena.ts';
import { ConstantStore } from '../../src/runtime/constants.ts';
import { checked, type GpuContext } from '../../src/runtime/gpu-context.ts';
import type { PipelineCache } from '../../src/runtime/pipelines.ts';
import { Program, type Step } from '../../src/runtime/program.ts';
import { ReadbackPool } from '../../src/runtime/readback.ts';
import type { Size } from '../settings.ts';
import type { Work } from '../timing/timer.ts';
import { graphOf, type Network, type Outputs } from './load-network.ts';
import { drawPicture } from './picture.ts';

export interface NetworkForm {
  size: Size;
  outputs: Outputs;
  fusions: readonly Fusion[];
  choice: KernelChoice;
  /** What the fusion `winograd` does, if not what it does by itself. */
  winograd?: WinogradRule['choose'];
  /** Changes the plan before it is compiled: other kernels, for example. */
  rewrite?: (plan: Plan, graph: Graph) => Plan;
}

/** Every byte of poisoned maps: NaN. */
const poison = 0xff;

/** What the mask of bits, where the network writes one, compares P with. */
export const maskThreshold = 0.3;

export class CompiledNetwork {
  readonly program: Program;
  readonly steps: readonly Step[];
  readonly #context: GpuContext;
  readonly #outputs: readonly string[];
  readonly #release: () => void;
  readonly #readback: ReadbackPool;

  private constructor(
    context: GpuContext,
    program: Program,
    steps: readonly Step[],
    outputs: readonly string[],
    readback: ReadbackPool,
    release: () => void,
  ) {
    this.#context = context;
    this.program = program;
    this.steps = steps;
    this.#outputs = outputs;
    this.#readback = readback;
    this.#release = release;
  }

  static async compile(
    context: GpuContext,
    pipelines: PipelineCache,
    network: Network,
    { size, outputs, fusions, choice, winograd, rewrite }: NetworkForm,
  ): Promise<CompiledNetwork> {
    const rule = winograd && { size, choose: winograd };
    const graph = graphOf(network, outputs, fusions, rule);
    const planned = plan(graph, size, { source: 4, ...network.recipe.input }, choice);
    const constants = new ConstantStore(context);
    const arena = new Arena(context);
    const upload = new ImageUpload(context);
    const readback = new ReadbackPool(context);
    const release = () => {
      for (const owner of [constants, arena, upload, readback]) owner.destroy();
    };
    try {
      const device = { context, pipelines, constants, arena };
      const program = await Program.build(rewrite ? rewrite(planned, graph) : planned, device);
      const picture = drawPicture(size.width, size.height);
      const steps = await checked(context, 'uploading the image', () =>
        program.steps(upload.upload({ kind: 'pixels', ...picture }, size)),
      );
      return new CompiledNetwork(context, program, steps, graph.outputs, readback, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** One frame, all dispatches in order. */
  get frame(): Work {
    return {
      label: 'frame',
      encode: (pass, repetitions) => {
        for (let i = 0; i < repetitions; i++) for (const step of this.steps) dispatch(pass, step, 1);
      },
    };
  }

  /** Each dispatch by itself. None writes what it reads, so that it can be repeated. */
  get stepWorks(): Work[] {
    return this.steps.map((step) => ({
      label: step.label,
      encode: (pass, repetitions) => dispatch(pass, step, repetitions),
    }));
  }

  /** Bytes of all activation buffers. */
  get activationBytes(): number {
    return this.program.plan.bufferSizes.reduce((sum, size) => sum + size, 0);
  }

  /** Runs a frame on poisoned maps and gives their bytes. */
  async maps(): Promise<Map<string, ArrayBuffer>> {
    const { device } = this.#context;
    this.program.setShape('threshold_bits', new Uint32Array(Float32Array.of(maskThreshold).buffer)[0]);
    const tensors = this.#outputs.map((name) => ({ name, ...this.program.tensor(name) }));
    const total = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { buffer, bytes } of tensors) {
      device.queue.writeBuffer(buffer, 0, new Uint8Array(bytes).fill(poison));
    }
    const staging = await this.#readback.acquire(total);
    await checked(this.#context, 'running the network', () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      this.frame.encode(pass, 1);
      pass.end();
      let at = 0;
      for (const { buffer, bytes } of tensors) {
        encoder.copyBufferToBuffer(buffer, 0, staging, at, bytes);
        at += bytes;
      }
      device.queue.submit([encoder.finish()]);
    });
    const mapped = await this.#readback.map(staging, total);
    let at = 0;
    const maps = new Map(
      tensors.map(({ name, bytes }) => {
        at += bytes;
        return [name, mapped.slice(at - bytes, at)];
      }),
    );
    this.#readback.release(staging);
    return maps;
  }

  destroy(): void {
    this.program.destroy();
    this.#release();
  }
}

function dispatch(pass: GPUComputePassEncoder, step: Step, repetitions: number): void {
  pass.setPipeline(step.pipeline);
  pass.setBindGroup(0, step.bindGroup);
  for (let i = 0; i < repetitions; i++) pass.dispatchWorkgroups(...step.dispatch);
}
