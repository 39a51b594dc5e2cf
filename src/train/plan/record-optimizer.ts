/** @file The end of a training step: the verdict on the gradient, the optimizer, and the moving averages. */

import { gradientVerdict, normSlices, sumOfSquares, verdict } from '../../kernels/train/gradient-norm.ts';
import { adamWStep, copyIfFinite, movingAverage, sgdStep } from '../../kernels/train/optimizer-step.ts';
import type { Optimizer } from '../optimizer.ts';
import { lossTensor } from './record-loss.ts';
import type { Recorder } from './recorder.ts';
import { beforeUpdate, resources } from './resources.ts';

/** The tensor of the verdict on the gradient. */
export const verdictTensor = 'verdict';

/** How much the running statistics of batch norm move towards the batch's: PyTorch's momentum. */
const statisticsMomentum = 0.1;

/** Records a step of `optimizer` on `count` parameters. `statistics`: elements of the running ones, 0 if frozen. */
export function recordOptimizer(
  recorder: Recorder,
  optimizer: Optimizer,
  { count, statistics }: { count: number; statistics: number },
): void {
  const partial = recorder.tensor('gradient norm, in slices', normSlices(count));
  recorder.tensor(verdictTensor, verdict.words);
  recorder.step(sumOfSquares({ label: 'gradient norm', count }), [resources.gradients, partial]);
  recorder.step(gradientVerdict({ label: verdictTensor, count, maxNorm: optimizer.clipNorm ?? 0 }), [
    partial,
    lossTensor,
    verdictTensor,
  ]);
  const keep = (array: string, count: number) => {
    const label = beforeUpdate(array);
    recorder.step(copyIfFinite({ label, count }), [array, verdictTensor, label]);
  };
  keep(resources.parameters, count);
  if (optimizer.averageDecay !== undefined) keep(resources.average, count);
  if (statistics > 0) keep(resources.running, statistics);
  const shape = { label: optimizer.kind, count };
  const common = [resources.gradients, verdictTensor, resources.parameters, resources.firstMoments];
  if (optimizer.kind === 'sgd') {
    recorder.step(sgdStep(shape, optimizer), common);
  } else {
    recorder.step(adamWStep(shape, optimizer), [...common, resources.secondMoments]);
  }
  if (optimizer.averageDecay !== undefined) {
    const rate = 1 - optimizer.averageDecay;
    recorder.step(movingAverage({ label: 'average of the parameters', count, rate }), [
      resources.parameters,
      verdictTensor,
      resources.average,
    ]);
  }
  if (statistics > 0) {
    const averaged = { label: 'running statistics', count: statistics, rate: statisticsMomentum };
    recorder.step(movingAverage(averaged), [resources.batch, verdictTensor, resources.running]);
  }
}
