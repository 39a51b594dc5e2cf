/**
 * @file The trainer's GPU side: from bytes and targets to changed parameters, and the few numbers that say how it
 * went. A program per batch size; activation buffers are shared by all of them.
 */

import { DBNetError } from '../errors.ts';
import type { Step } from '../gpu/bind.ts';
import { bufferUsage } from '../gpu/buffer-usage.ts';
import { assertUsable, checked, type GpuContext } from '../gpu/device.ts';
import { EngineDevice } from '../gpu/engine-device.ts';
import { type Externals, Program } from '../gpu/program.ts';
import { type RunOptions, run } from '../gpu/run.ts';
import { chooseTile } from '../graph/choose-kernels.ts';
import type { Graph } from '../graph/graph.ts';
import { gemmOf } from '../kernels/convolution.ts';
import type { BatchNormMode } from '../kernels/train/batch-norm.ts';
import { type DbLoss, parts, pixelLimit } from '../kernels/train/db-loss.ts';
import { verdict } from '../kernels/train/gradient-norm.ts';
import { adamWUniforms, sgdUniforms } from '../kernels/train/optimizer-step.ts';
import type { Web } from '../web.ts';
import type { Batch } from './batch.ts';
import { type Demand, doesNotFit } from './memory.ts';
import { learningRateAt, type Optimizer } from './optimizer.ts';
import { resources } from './plan/resources.ts';
import {
  type TrainingPlan,
  type TrainingPlanOptions,
  trainingOutputs,
  trainingPlan,
  trainingThreads,
} from './plan/training-plan.ts';
import { TrainingArrays } from './training-arrays.ts';

export interface EngineOptions {
  graph: Graph;
  input: TrainingPlanOptions['input'];
  loss: DbLoss;
  optimizer: Optimizer;
  batchNorm: BatchNormMode;
  cropSize: number;
}

/** What a step came to, as the device computed it. */
export interface StepNumbers {
  /** The loss and its parts; see `parts` of the loss kernels. */
  loss: Float32Array;
  gradientNorm: number;
  /** False if the loss or a gradient was not finite; nothing was changed then. */
  finite: boolean;
}

/** Progress of a step, `done` of `total` floating-point operations; or of compiling, shaders. */
export type OnEngineProgress = (stage: 'compile' | 'step', done: number, total: number) => void;

interface Built {
  program: Program;
  /** Step from which on parameters change. */
  updateFrom: number;
  externals: Externals;
  /** Pixels and targets. */
  inputs: GPUBuffer[];
}

export class TrainingEngine {
  readonly context: GpuContext;
  readonly arrays: TrainingArrays;
  readonly #options: EngineOptions;
  readonly #device: EngineDevice;
  readonly #programs = new Map<number, Built>();
  /** What ran last, while its activations are there. */
  #last: { program: Program; count: number } | undefined;

  private constructor(context: GpuContext, options: EngineOptions, arrays: TrainingArrays) {
    this.context = context;
    this.arrays = arrays;
    this.#options = options;
    this.#device = new EngineDevice(context);
  }

  /** @throws DBNetError `gpu-error` if the parameters and the optimizer's state do not fit. */
  static async create(context: GpuContext, options: EngineOptions): Promise<TrainingEngine> {
    const { graph, optimizer } = options;
    const arrays = await TrainingArrays.create(context, graph, optimizer);
    return new TrainingEngine(context, options, arrays);
  }

  /** Bytes of GPU memory held, by use. */
  get memory(): { parameters: number; activations: number; readback: number; input: number } {
    let input = 0;
    for (const { inputs } of this.#programs.values()) for (const { size } of inputs) input += size;
    return {
      parameters: this.arrays.bytes,
      activations: this.#device.arena.bytes,
      readback: this.#device.readback.bytes,
      input,
    };
  }

  /**
   * One step on a batch; `step` counts from 0 and decides the learning rate.
   * @throws DBNetError `limit-exceeded` and `gpu-error` where the batch does not fit, `device-lost`; the signal's reason,
   *   before the parameters have changed.
   */
  async step(
    { count, pixels, targets }: Batch,
    step: number,
    { onProgress, signal }: { onProgress?: OnEngineProgress; signal?: Web<'AbortSignal'> } = {},
  ): Promise<StepNumbers> {
    const { program, externals, inputs, updateFrom } = await this.#program(count, onProgress);
    signal?.throwIfAborted();
    const { device } = this.context;
    this.#setRates(program, step);
    const outputs = [program.tensor(trainingOutputs.loss), program.tensor(trainingOutputs.verdict)];
    const bytes = outputs.reduce((sum, output) => sum + output.bytes, 0);
    const staging = await this.#device.readback.acquire(bytes);
    try {
      await checked(this.context, 'a training step', () => {
        device.queue.writeBuffer(inputs[0], 0, pixels);
        device.queue.writeBuffer(inputs[1], 0, targets);
        return this.#run(program.steps(externals), updateFrom, {
          finish: (encoder) => {
            let at = 0;
            for (const { buffer, bytes } of outputs) {
              encoder.copyBufferToBuffer(buffer, 0, staging, at, bytes);
              at += bytes;
            }
          },
          onProgress: (done, total) => onProgress?.('step', done, total),
          signal,
        });
      });
      const numbers = new Float32Array(await this.#device.readback.map(staging, bytes)).slice();
      this.#last = { program, count };
      const judged = outputs[0].bytes / 4;
      onProgress?.('step', program.flops, program.flops);
      return {
        loss: numbers.subarray(0, judged),
        gradientNorm: numbers[judged + verdict.norm],
        finite: numbers[judged + verdict.finite] === 1 && Number.isFinite(numbers[parts.total]),
      };
    } finally {
      this.#device.readback.release(staging);
    }
  }

  /**
   * The logits of the last step, `[2, count, height, width]`: of P, of T. Undefined if there was none, or if its buffers
   * have made room for another batch size since.
   */
  async readLogits(): Promise<{ logits: Float32Array<ArrayBuffer>; count: number } | undefined> {
    if (!this.#last) return undefined;
    const { program, count } = this.#last;
    const { buffer, bytes } = program.tensor(trainingOutputs.logits);
    return { logits: new Float32Array(await this.#device.readback.read(buffer, bytes)), count };
  }

  /** Frees everything; the device too, if it was opened here. What is under way fails with `disposed`. */
  dispose(): void {
    for (const { program, inputs } of this.#programs.values()) {
      program.destroy();
      this.context.memory.free(...inputs);
    }
    this.#programs.clear();
    this.arrays.destroy();
    this.#device.dispose();
  }

  /** Runs a step; once the update has begun, an abort no longer stops it halfway. */
  async #run(
    steps: readonly Step[],
    updateFrom: number,
    { finish, onProgress, signal }: Omit<RunOptions, 'submitSize'>,
  ): Promise<void> {
    const { submitSize } = this.#device;
    await run(this.context, steps.slice(0, updateFrom), { submitSize, finish: () => {}, onProgress, signal });
    signal?.throwIfAborted();
    await run(this.context, steps.slice(updateFrom), { submitSize, finish });
  }

  #setRates(program: Program, step: number): void {
    const { optimizer } = this.#options;
    const rate = learningRateAt(optimizer, step);
    program.setShape(optimizer.kind === 'sgd' ? sgdUniforms(rate) : adamWUniforms(rate, optimizer, step));
  }

  #plan(batch: number, cropSize: number): TrainingPlan {
    const { graph, input, loss, optimizer, batchNorm } = this.#options;
    const { parameters, statistics } = this.arrays.layouts;
    return trainingPlan(graph, {
      batch,
      height: cropSize,
      width: cropSize,
      batchNorm,
      input,
      loss,
      optimizer,
      counts: { parameters: parameters.count, statistics: statistics.count },
      choice: {
        tile: (conv) => chooseTile(gemmOf(conv), this.context),
        threads: trainingThreads(this.context),
      },
    });
  }

  async #program(count: number, onProgress: OnEngineProgress | undefined): Promise<Built> {
    assertUsable(this.context);
    const known = this.#programs.get(count);
    if (known) return known;
    const { cropSize } = this.#options;
    const { context } = this;
    if (count * cropSize ** 2 >= pixelLimit) {
      throw new DBNetError(
        'limit-exceeded',
        `expected a batch of less than ${pixelLimit} pixels, found ${count} crops of ${cropSize}x${cropSize}: the loss counts ` +
          `pixels in f32; at most ${Math.ceil(pixelLimit / cropSize ** 2) - 1} such crops fit`,
      );
    }
    const planned = this.#plan(count, cropSize);
    const demand = (batch: number, side: number): Demand => ({
      buffers: this.#plan(batch, side).bufferSizes,
      arrays: this.arrays.bytes,
    });
    const { maxBufferSize, maxStorageBufferBindingSize } = context.device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (Math.max(...planned.bufferSizes) > limit) {
      throw new DBNetError('limit-exceeded', doesNotFit({ count, cropSize, demand, limit }));
    }
    // Building may replace the buffers that hold its activations.
    this.#last = undefined;
    let program: Program | undefined;
    const inputs: GPUBuffer[] = [];
    try {
      program = await Program.build(planned, this.#device, (done, total) =>
        onProgress?.('compile', done, total),
      );
      const pixels = count * cropSize * cropSize;
      await checked(context, 'allocating the inputs', () => {
        for (const label of [resources.pixels, resources.targets]) {
          const size = label === resources.pixels ? pixels * 4 : pixels * 16;
          const usage = bufferUsage.storage | bufferUsage.copyTo;
          inputs.push(context.memory.createBuffer({ label, size, usage }));
        }
      });
      const externals: Externals = new Map<string, GPUBuffer | GPUBufferBinding>([
        ...this.arrays.externals(),
        [resources.pixels, inputs[0]],
        [resources.targets, inputs[1]],
      ]);
      const built = { program, updateFrom: planned.updateFrom, externals, inputs };
      this.#programs.set(count, built);
      return built;
    } catch (error) {
      program?.destroy();
      context.memory.free(...inputs);
      if (!isOutOfMemory(error)) throw error;
      throw new DBNetError('gpu-error', doesNotFit({ count, cropSize, demand }), { cause: error });
    }
  }
}

/** True for what {@link checked} makes of an error of the scope `out-of-memory`. */
function isOutOfMemory(error: unknown): boolean {
  const cause: unknown = error instanceof DBNetError ? error.cause : undefined;
  return typeof cause === 'object' && cause !== null && cause.constructor.name === 'GPUOutOfMemoryError';
}
