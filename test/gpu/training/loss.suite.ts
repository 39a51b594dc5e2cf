/**
 * @file The loss and its gradient: against PyTorch, against its definition and central differences, and where mining
 * has nothing, too little or too many alike to choose from.
 */

import { type GpuContext, openDevice } from '../../../src/gpu/device.ts';
import { type DbLoss, parts } from '../../../src/kernels/train/db-loss.ts';
import { repeatVector } from '../../../src/kernels/train/repeat-vector.ts';
import { parseSafetensors } from '../../../src/safetensors/index.ts';
import { resolveLoss } from '../../../src/train/loss.ts';
import { lossTensor, recordLoss } from '../../../src/train/plan/record-loss.ts';
import { Recorder } from '../../../src/train/plan/recorder.ts';
import { resources } from '../../../src/train/plan/resources.ts';
import { assert, assertClose, random, randomFloats } from '../assert.ts';
import { dbLoss, type LossTargets } from '../references/db-loss.ts';
import { derivative } from '../references/derivative.ts';
import type { GpuTest } from '../suite.ts';
import { assertGradient } from './assert-gradient.ts';
import { runPlan } from './run-plan.ts';

/** The loss and its gradient as the kernels compute them. */
async function compute(
  context: GpuContext,
  loss: DbLoss,
  probabilityLogits: Float32Array,
  thresholdLogits: Float32Array,
  targets: LossTargets,
) {
  const pixels = probabilityLogits.length;
  const recorder = new Recorder();
  recorder.tensor('logits', 2 * pixels);
  // Activations are poisoned before a run: the logits come from outside.
  recorder.step(repeatVector({ label: 'logits', count: 2 * pixels, times: 1 }), ['given', 'logits']);
  recordLoss(recorder, 'logits', { pixels, loss });
  recorder.backward();
  const gradient = recorder.gradient('logits');
  const { probability, probabilityMask, threshold, thresholdMask } = targets;
  const maps = [probability, probabilityMask, threshold, thresholdMask];
  const result = await runPlan(
    context,
    recorder.plan([lossTensor, gradient]),
    new Map([
      ['given', Float32Array.of(...probabilityLogits, ...thresholdLogits)],
      [resources.targets, Float32Array.from(maps.flatMap((map) => Array.from(map)))],
    ]),
    [lossTensor, gradient],
  );
  const numbers = result[lossTensor];
  return {
    numbers,
    parts: {
      total: numbers[parts.total],
      probability: numbers[parts.probability],
      binary: numbers[parts.binary],
      threshold: numbers[parts.threshold],
    },
    byProbability: result[gradient].subarray(0, pixels),
    byThreshold: result[gradient].subarray(pixels),
  };
}

function assertParts(actual: Record<string, number>, expected: Record<string, number>, what: string): void {
  for (const [name, value] of Object.entries(expected)) {
    assertClose([actual[name]], [value], 1e-5 * Math.abs(value), `${what}, ${name}`);
  }
}

const pytorch: GpuTest = {
  name: 'loss and gradients agree with PyTorch',
  async run({ device, fixture }) {
    const context = await openDevice({ device });
    const file = parseSafetensors(await fixture('loss.safetensors'));
    const targets = {
      probability: file.float32('probability'),
      probabilityMask: file.float32('probabilityMask'),
      threshold: file.float32('threshold'),
      thresholdMask: file.float32('thresholdMask'),
    };
    const loss = resolveLoss('authors', 50);
    const result = await compute(context, loss, file.float32('Plogit'), file.float32('Tlogit'), targets);
    const { bce, dice, l1, total } = JSON.parse(file.metadata.loss);
    assertParts(result.parts, { probability: bce, binary: dice, threshold: l1, total }, 'PyTorch');
    assertGradient(result.byProbability, file.float32('grad_Plogit'), 1e-5, 'gradient by the logits of P');
    assertGradient(result.byThreshold, file.float32('grad_Tlogit'), 1e-5, 'gradient by the logits of T');
  },
};

/** Random targets: a share of positives, some pixels masked. */
function randomTargets(pixels: number, seed: number, positives: number): LossTargets {
  const next = random(seed);
  const choose = (share: number) => Float32Array.from({ length: pixels }, () => (next() < share ? 1 : 0));
  return {
    probability: choose(positives),
    probabilityMask: choose(0.9),
    threshold: randomFloats(pixels, seed + 1, 0.3, 0.7),
    thresholdMask: choose(0.4),
  };
}

const custom: DbLoss = {
  weights: { probability: 2, binary: 3, threshold: 0.5 },
  binary: 'bce',
  negativeRatio: 1.5,
  k: 7,
};

/** Fewer pixels than threads, more than one slice; enough negatives to choose from, or fewer than wanted. */
const cases = [
  { name: 'authors', loss: resolveLoss('authors', 50), pixels: 77, positives: 0.1 },
  { name: 'paper', loss: resolveLoss('paper', 50), pixels: 301, positives: 0.05 },
  { name: 'paper, all negatives kept', loss: resolveLoss('paper', 50), pixels: 143, positives: 0.6 },
  { name: 'weights and ratio of one’s own', loss: custom, pixels: 259, positives: 0.2 },
];

const definition = cases.map(
  ({ name, loss, pixels, positives }, index): GpuTest => ({
    name: `loss and gradients agree with their definition: ${name}`,
    async run({ device }) {
      const context = await openDevice({ device });
      const targets = randomTargets(pixels, 100 + index, positives);
      const ofP = randomFloats(pixels, 110 + index, -3, 2);
      const ofT = randomFloats(pixels, 120 + index, -1, 1);
      const result = await compute(context, loss, ofP, ofT, targets);
      const [p, t] = [Float64Array.from(ofP), Float64Array.from(ofT)];
      assertParts(result.parts, dbLoss(p, t, targets, loss), name);
      // Small enough that no pixel changes its place in the order, nor T its side of the target.
      const total = () => dbLoss(p, t, targets, loss).total;
      assertGradient(result.byProbability, derivative(p, total, 1e-6), 1e-4, `${name}, by P`);
      assertGradient(result.byThreshold, derivative(t, total, 1e-6), 1e-4, `${name}, by T`);
    },
  }),
);

const ties: GpuTest = {
  name: 'negatives that tie for the last places share them',
  async run({ device }) {
    const context = await openDevice({ device });
    const pixels = 200;
    const targets = randomTargets(pixels, 7, 0);
    const probability = new Float32Array(pixels);
    probability[3] = 1;
    const probabilityMask = new Float32Array(pixels).fill(1);
    const logits = new Float32Array(pixels).fill(-2);
    logits[10] = 1;
    const loss = resolveLoss('authors', 50);
    const given = { ...targets, probability, probabilityMask };
    const result = await compute(context, loss, logits, new Float32Array(pixels).fill(-9), given);
    // One positive keeps three negatives: the one at 10, and two of the 198 others.
    assertClose([result.numbers[parts.mined]], [3], 0, 'negatives kept');
    const { probability: bce } = dbLoss(logits, new Float32Array(pixels), given, loss);
    assertClose([result.parts.probability], [bce], 1e-5, 'cross-entropy');
    // Without Dice and L1 the gradient of a negative is its share of sigmoid(logit) / 4.
    const alone = await compute(
      context,
      { ...loss, weights: { probability: 1, binary: 0, threshold: 0 } },
      logits,
      new Float32Array(pixels),
      given,
    );
    const sigmoid = 1 / (1 + Math.exp(2));
    assertClose([alone.byProbability[20]], [((2 / 198) * sigmoid) / 4], 1e-7, 'a share');
    assertClose([alone.byProbability[10]], [1 / (1 + Math.exp(-1)) / 4], 1e-6, 'the largest');
  },
};

const empty: GpuTest = {
  name: 'a batch without text, or all masked, has a finite loss and no gradient by what is not there',
  async run({ device }) {
    const context = await openDevice({ device });
    const pixels = 133;
    const zeros = new Float32Array(pixels);
    const logits = randomFloats(pixels, 130, -3, 3);
    for (const loss of [resolveLoss('authors', 50), resolveLoss('paper', 50)]) {
      for (const probabilityMask of [zeros, new Float32Array(pixels).fill(1)]) {
        const targets = { probability: zeros, probabilityMask, threshold: zeros, thresholdMask: zeros };
        const result = await compute(context, loss, logits, logits, targets);
        assertParts(result.parts, { probability: 0, threshold: 0 }, 'empty');
        assert(Number.isFinite(result.parts.total), `expected a finite loss, found ${result.parts.total}`);
        assertClose(result.byProbability, zeros, 0, 'by P');
        assertClose(result.byThreshold, zeros, 0, 'by T');
      }
    }
  },
};

const saturated: GpuTest = {
  name: 'the loss of large logits is exact and finite',
  async run({ device }) {
    const context = await openDevice({ device });
    const logits = Float32Array.of(-80, -30, -12, 12, 30, 80, -80, 80);
    const targets = {
      probability: Float32Array.of(1, 1, 1, 0, 0, 0, 0, 1),
      probabilityMask: new Float32Array(8).fill(1),
      threshold: new Float32Array(8),
      thresholdMask: new Float32Array(8),
    };
    const loss = resolveLoss('paper', 50);
    const result = await compute(context, loss, logits, new Float32Array(8), targets);
    assertParts(result.parts, dbLoss(logits, new Float32Array(8), targets, loss), 'large logits');
  },
};

const tests: GpuTest[] = [pytorch, ...definition, ties, empty, saturated];

export default tests;
