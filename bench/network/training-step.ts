/**
 * @file A whole training step (forward, loss, backward, AdamW; batch 1) against the forward pass without fusions and
 * with the same tiles, in one interleaved run; and the memory that it takes. The learning rate is 0, so that every
 * repetition does the same work on the same weights.
 */

import type { LabelPolygon } from '../../src/labels/types.ts';
import { Arena } from '../../src/runtime/arena.ts';
import { bufferUsage, ConstantStore } from '../../src/runtime/constants.ts';
import { checked } from '../../src/runtime/gpu-context.ts';
import { type Externals, Program, type Step } from '../../src/runtime/program.ts';
import { ReadbackPool } from '../../src/runtime/readback.ts';
import { batchTargets } from '../../src/training/batch.ts';
import { resolveLoss } from '../../src/training/loss.ts';
import { resolveOptimizer } from '../../src/training/optimizer.ts';
import { resources } from '../../src/training/plan/resources.ts';
import { trainingOutputs, trainingPlan } from '../../src/training/plan/training-plan.ts';
import { trainingThreads } from '../../src/training/plan/training-threads.ts';
import { TrainingArrays } from '../../src/training/training-arrays.ts';
import { interleave } from '../timing/interleave.ts';
import type { Work } from '../timing/timer.ts';
import { mapsProblem, referenceMaps } from './check-maps.ts';
import { CompiledNetwork } from './compiled-network.ts';
import { defaultForm } from './default-form.ts';
import { failedMetric, type Measurement, type MeasurementContext, metric } from './measurement.ts';
import { drawPicture } from './picture.ts';

const name = 'training step, batch 1';

export const trainingStep: Measurement = {
  name: 'training step',
  group: 'network',
  quick: false,
  perSize: true,
  async run(context) {
    // Training is f32.
    if (context.precision !== 'f32') return {};
    const { size, pipelines, timer, sampling } = context;
    const place = { size, precision: context.precision };
    const forward = await CompiledNetwork.compile(context.context, pipelines, await context.network(), {
      size,
      outputs: 'PTB',
      fusions: [],
      choice: defaultForm(context.context, 'f32').choice,
    });
    const steps: CompiledStep[] = [];
    try {
      const expected = new Map([...(await referenceMaps(context, 'PTB'))].filter(([map]) => map !== 'B'));
      for (const batchNorm of ['batch', 'frozen'] as const) {
        steps.push(await CompiledStep.compile(context, batchNorm));
      }
      // With frozen statistics training sees the network of inference, so its maps are known.
      const problem = mapsProblem(await steps[1].maps(), expected, 'f32');
      if (problem) return { metrics: [failedMetric(place, name, 'ms', problem)] };
      const [before, batch, frozen] = await interleave(
        timer,
        [forward.frame, steps[0].work, steps[1].work],
        sampling,
      );
      if (!before || !batch || !frozen) {
        return { metrics: [failedMetric(place, name, 'ms', 'the GPU clock gave no valid sample')] };
      }
      const rows = [
        { form: 'batch statistics', sampled: batch, step: steps[0] },
        { form: 'frozen statistics', sampled: frozen, step: steps[1] },
      ];
      return {
        metrics: [
          metric(place, 'unfused forward pass, same tiles', 'ms', before.ms),
          ...rows.flatMap(({ form, sampled, step }) => [
            metric(place, `${name}, ${form}`, 'ms', sampled.ms, {
              note: `${(sampled.ms.median / before.ms.median).toFixed(2)}x the unfused forward pass`,
            }),
            metric(place, `${name}, ${form}, memory`, 'MB', step.bytes / 1e6, {
              note: `${(step.activationBytes / 1e6).toFixed(1)} MB of activations, the rest parameters and AdamW's state`,
            }),
          ]),
        ],
      };
    } finally {
      forward.destroy();
      for (const step of steps) step.destroy();
    }
  },
};

/** Something to learn. */
const text: LabelPolygon = {
  points: [
    [8, 8],
    [104, 8],
    [104, 40],
    [8, 40],
  ],
};

class CompiledStep {
  readonly #context: MeasurementContext;
  readonly #program: Program;
  readonly #steps: readonly Step[];
  readonly #arrays: TrainingArrays;
  readonly #inputs: readonly GPUBuffer[];
  readonly #release: () => void;

  private constructor(
    context: MeasurementContext,
    program: Program,
    steps: readonly Step[],
    arrays: TrainingArrays,
    inputs: readonly GPUBuffer[],
    release: () => void,
  ) {
    this.#context = context;
    this.#program = program;
    this.#steps = steps;
    this.#arrays = arrays;
    this.#inputs = inputs;
    this.#release = release;
  }

  static async compile(
    measurement: MeasurementContext,
    batchNorm: 'batch' | 'frozen',
  ): Promise<CompiledStep> {
    const { context, pipelines, size } = measurement;
    const { checkpoint, recipe } = await measurement.network();
    const entries = checkpoint.entries({ thresholdHead: true });
    const optimizer = resolveOptimizer({ kind: 'adamw', learningRate: 0 });
    const arrays = await TrainingArrays.create(context, entries, optimizer, checkpoint.source);
    const { parameters, statistics } = arrays.layouts;
    const planned = trainingPlan(entries, {
      batch: 1,
      ...size,
      batchNorm,
      input: recipe.input,
      loss: resolveLoss('authors', recipe.k),
      optimizer,
      counts: { parameters: parameters.count, statistics: statistics.count },
      choice: { tile: defaultForm(context, 'f32').choice.tile, threads: trainingThreads(context) },
    });
    const arena = new Arena(context);
    const constants = new ConstantStore(context);
    const program = await Program.build(planned, { context, pipelines, constants, arena });
    const { data, width, height } = drawPicture(size.width, size.height);
    const targets = batchTargets(1, width, height);
    targets.draw(0, [text]);
    const inputs = await checked(context, 'uploading the batch', () =>
      [new Uint8Array(data), targets.data].map((values) => {
        const usage = bufferUsage.storage | bufferUsage.copyTo;
        const buffer = context.device.createBuffer({ size: values.byteLength, usage });
        context.device.queue.writeBuffer(buffer, 0, values);
        return buffer;
      }),
    );
    const externals: Externals = new Map<string, GPUBuffer | GPUBufferBinding>([
      ...arrays.externals(),
      [resources.pixels, inputs[0]],
      [resources.targets, inputs[1]],
    ]);
    const steps = await checked(context, 'binding the training step', () => program.steps(externals));
    return new CompiledStep(measurement, program, steps, arrays, inputs, () => arena.destroy());
  }

  /** Bytes of activations and gradients. */
  get activationBytes(): number {
    return this.#program.plan.bufferSizes.reduce((sum, size) => sum + size, 0);
  }

  /** All bytes on the device. */
  get bytes(): number {
    const inputs = this.#inputs.reduce((sum, { size }) => sum + size, 0);
    return this.activationBytes + this.#arrays.bytes + inputs;
  }

  get work(): Work {
    return {
      label: name,
      encode: (pass, repetitions) => {
        for (let i = 0; i < repetitions; i++) {
          for (const { pipeline, bindGroup, dispatch } of this.#steps) {
            pass.setPipeline(pipeline);
            pass.setBindGroup(0, bindGroup);
            pass.dispatchWorkgroups(...dispatch);
          }
        }
      },
    };
  }

  /** P and T of one step. */
  async maps(): Promise<Map<string, ArrayBuffer>> {
    const { device } = this.#context.context;
    const { buffer, bytes } = this.#program.tensor(trainingOutputs.logits);
    const readback = new ReadbackPool(this.#context.context);
    const staging = await readback.acquire(bytes);
    try {
      await checked(this.#context.context, 'running a training step', () => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        this.work.encode(pass, 1);
        pass.end();
        encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
        device.queue.submit([encoder.finish()]);
      });
      const logits = new Float32Array(await readback.map(staging, bytes));
      const maps = logits.map((x) => 1 / (1 + Math.exp(-x)));
      const half = maps.byteLength / 2;
      return new Map([
        ['P', maps.buffer.slice(0, half)],
        ['T', maps.buffer.slice(half)],
      ]);
    } finally {
      readback.destroy();
    }
  }

  destroy(): void {
    this.#program.destroy();
    this.#arrays.destroy();
    for (const buffer of this.#inputs) buffer.destroy();
    this.#release();
  }
}
