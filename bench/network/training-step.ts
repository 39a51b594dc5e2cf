/**
 * @file A whole training step (forward, loss, backward, AdamW; batch 1) against the forward pass without fusions and
 * with the same tiles, in one interleaved run; and the memory that it takes. The learning rate is 0, so that every
 * repetition does the same work on the same weights.
 */

import { bufferUsage } from '../../src/gpu/buffer-usage.ts';
import { checked } from '../../src/gpu/device.ts';
import { steepnessOf } from '../../src/graph/graph.ts';
import type { LabelPolygon } from '../../src/labels/types.ts';
import { batchTargets } from '../../src/train/batch.ts';
import { resolveLoss } from '../../src/train/loss.ts';
import { resolveOptimizer } from '../../src/train/optimizer.ts';
import { resources } from '../../src/train/plan/resources.ts';
import { trainingOutputs, trainingPlan, trainingThreads } from '../../src/train/plan/training-plan.ts';
import { TrainingArrays } from '../../src/train/training-arrays.ts';
import { takeTurns } from '../../src/tuning/timing.ts';
import { PlanRun } from '../../test/gpu/plan-run.ts';
import { failedMetric, type Measurement, type MeasurementContext, metric } from './measurement.ts';
import { compileNetwork, defaultForm, frameOf, type Maps, mapsProblem, referenceMaps } from './network.ts';
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
    const { size, timer, sampling } = context;
    const place = { size, precision: context.precision };
    const { choice } = defaultForm(context.context, 'f32');
    const plain = { ...choice, winograd: () => undefined };
    const forward = await compileNetwork(context, { outputs: 'PTB', fusions: [], choice: plain });
    const steps: TrainingStep[] = [];
    try {
      const expected = new Map([...(await referenceMaps(context, 'PTB'))].filter(([map]) => map !== 'B'));
      for (const batchNorm of ['batch', 'frozen'] as const) {
        steps.push(await compileStep(context, batchNorm));
      }
      // With frozen statistics training sees the network of inference, so its maps are known.
      const problem = mapsProblem(await mapsOfStep(steps[1]), expected, 'f32');
      if (problem) return { metrics: [failedMetric(place, name, 'ms', problem)] };
      const [before, batch, frozen] = await takeTurns(
        timer,
        [forward, ...steps.map(({ built }) => built)].map(frameOf),
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
              note: `${(step.built.activationBytes / 1e6).toFixed(1)} MB of activations, the rest parameters and AdamW's state`,
            }),
          ]),
        ],
      };
    } finally {
      forward.destroy();
      for (const { built } of steps) built.destroy();
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

interface TrainingStep {
  built: PlanRun;
  /** All bytes on the device. */
  bytes: number;
}

async function compileStep(
  { context, pipelines, size, network }: MeasurementContext,
  batchNorm: 'batch' | 'frozen',
): Promise<TrainingStep> {
  const { graph, recipe } = await network();
  const optimizer = resolveOptimizer({ kind: 'adamw', learningRate: 0 });
  const arrays = await TrainingArrays.create(context, graph, optimizer);
  const { parameters, statistics } = arrays.layouts;
  const planned = trainingPlan(graph, {
    batch: 1,
    ...size,
    batchNorm,
    input: recipe.input,
    loss: resolveLoss('authors', steepnessOf(graph)),
    optimizer,
    counts: { parameters: parameters.count, statistics: statistics.count },
    choice: { tile: defaultForm(context, 'f32').choice.tile, threads: trainingThreads(context) },
  });
  const { data, width, height } = drawPicture(size.width, size.height);
  const targets = batchTargets(1, width, height);
  targets.draw(0, [text]);
  const [pixels, labels] = await checked(context, 'uploading the batch', () =>
    [data, targets.data].map((values) => {
      const usage = bufferUsage.storage | bufferUsage.copyTo;
      const buffer = context.device.createBuffer({ size: values.byteLength, usage });
      context.device.queue.writeBuffer(buffer, 0, values);
      return buffer;
    }),
  );
  const externals = new Map<string, GPUBuffer | GPUBufferBinding>([
    ...arrays.externals(),
    [resources.pixels, pixels],
    [resources.targets, labels],
  ]);
  const bytes = arrays.bytes + pixels.size + labels.size;
  const built = await PlanRun.build(context, planned, () => externals, {
    pipelines,
    release: () => {
      for (const owner of [arrays, pixels, labels]) owner.destroy();
    },
  });
  return { built, bytes: bytes + built.activationBytes };
}

/** P and T of one step. */
async function mapsOfStep({ built }: TrainingStep): Promise<Maps> {
  await built.run();
  const maps = (await built.read(trainingOutputs.logits)).map((x) => 1 / (1 + Math.exp(-x)));
  const half = maps.length / 2;
  return new Map([
    ['P', maps.subarray(0, half)],
    ['T', maps.subarray(half)],
  ]);
}
