/** @file A whole training step as a plan: pixels in, loss and changed parameters out. Plain data, no device. */

import type { Network } from '../../graph/graph.ts';
import { inferShapes } from '../../graph/infer-shapes.ts';
import type { Plan } from '../../graph/plan.ts';
import type { DbLoss } from '../../kernels/train/db-loss.ts';
import { normalizePixels } from '../../kernels/train/normalize-pixels.ts';
import { logits } from '../operations/db-head.ts';
import { trained } from '../operations/index.ts';
import type { TrainingContext } from '../operations/operation.ts';
import type { Optimizer } from '../optimizer.ts';
import { lossTensor, recordLoss } from './record-loss.ts';
import { recordOptimizer, verdictTensor } from './record-optimizer.ts';
import { Recorder } from './recorder.ts';
import { resources } from './resources.ts';

export interface TrainingPlanOptions extends Omit<TrainingContext, 'shapeOf'> {
  /** Size of the images, multiples of 32. */
  height: number;
  width: number;
  input: {
    channelOrder: 'rgb' | 'bgr';
    mean: readonly [number, number, number];
    std: readonly [number, number, number];
  };
  loss: DbLoss;
  optimizer: Optimizer;
  /** Elements of the flat arrays. */
  counts: { parameters: number; statistics: number };
}

/** What can be read when a step is done: the loss, the verdict on the gradient, the logits of P and T. */
export const trainingOutputs = { loss: lossTensor, verdict: verdictTensor, logits } as const;

export interface TrainingPlan extends Plan {
  /** Index of the first step of the update: what comes before changes nothing that outlives the run. */
  updateFrom: number;
}

/** The plan of a step with `batch` images of `height` x `width` (multiples of 32). */
export function trainingPlan(network: Network, options: TrainingPlanOptions): TrainingPlan {
  const { batch, height, width, input, loss, optimizer, counts, batchNorm } = options;
  const recorder = new Recorder();
  const pixels = batch * height * width;
  recorder.tensor('image', pixels * 4);
  recorder.step(normalizePixels({ label: 'normalize', pixels, ...input }), [resources.pixels, 'image']);
  const shapes = inferShapes(network, { width, height });
  const context = { ...options, shapeOf: (tensor: string) => shapes.get(tensor)! };
  for (const operation of network.operations) trained(operation).record(recorder, operation, context);
  recordLoss(recorder, logits, { pixels, loss });
  recorder.backward();
  const updateFrom = recorder.length;
  recordOptimizer(recorder, optimizer, {
    count: counts.parameters,
    statistics: batchNorm === 'batch' ? counts.statistics : 0,
  });
  return { ...recorder.plan(Object.values(trainingOutputs)), updateFrom };
}

/** How many threads keep an adapter busy: a software adapter has a few cores with a few lanes, a GPU wants many thousands. */
export const trainingThreads = ({ software }: { software: boolean }): number => (software ? 512 : 32768);
