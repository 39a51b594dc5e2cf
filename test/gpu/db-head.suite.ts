/** @file The fused DB kernel against the unfused tail: transposed convolutions, batch norm, ReLU, sigmoid, DB. */

import { type GpuContext, openDevice } from '../../src/gpu/device.ts';
import { rewritten } from '../../src/graph/graph.ts';
import { dbHead as dbHeadOperation } from '../../src/graph/operations/db-head.ts';
import {
  type DbHead,
  type DbHeadWeights,
  dbHead,
  maskUniforms,
  packDbHead,
} from '../../src/kernels/db-head.ts';
import type { KernelOptions, Precision } from '../../src/kernels/wgsl.ts';
import { assert, assertEqual, randomFloats } from './assert.ts';
import { assertWithin, precisionsOf, representable, sumTolerance } from './precision.ts';
import { binarize, type TailParameters, tailLogits } from './references/db-tail.ts';
import { type Reference, sigmoid } from './references/reference.ts';
import { concatenate } from './references/upsample.ts';
import { runKernel } from './run-kernel.ts';
import { stored, withoutLanes, zeroLanes } from './stored.ts';
import type { GpuTest } from './suite.ts';

interface Case extends Pick<DbHead, 'height' | 'width' | 'channels' | 'outputs' | 'merged' | 'mask'> {
  /** Feature pixels per thread. */
  pixels: number;
  /** Range of the features. Default 1; more saturates the sigmoids. */
  range?: number;
  /** What the mask is of, and its threshold. */
  maskOf?: 'probability' | 'binary';
  threshold?: number;
}

const k = 50;

/** How the kernel is written. */
type Form = Required<KernelOptions>;

/** By single threads in every precision that compiles, and by quads where the device has them. */
const formsOf = async (context: GpuContext): Promise<Form[]> =>
  (await precisionsOf(context)).flatMap((precision) =>
    [false, ...(context.quads ? [true] : [])].map((quads) => ({ precision, quads })),
  );

const ptb = { outputs: 'PTB', mask: false } as const;
const p = { outputs: 'P', mask: false } as const;

const cases: readonly Case[] = [
  { height: 13, width: 7, channels: 64, ...ptb, merged: false, pixels: 4 },
  { height: 13, width: 7, channels: 64, ...ptb, merged: true, pixels: 2 },
  { height: 5, width: 33, channels: 32, ...ptb, merged: true, pixels: 1 },
  { height: 5, width: 33, channels: 16, ...ptb, merged: false, pixels: 3 },
  { height: 1, width: 1, channels: 16, ...ptb, merged: false, pixels: 4 },
  { height: 5, width: 7, channels: 24, ...ptb, merged: true, pixels: 2 },
  { height: 3, width: 5, channels: 4, ...ptb, merged: false, pixels: 1 },
  { height: 13, width: 7, channels: 64, ...p, merged: false, pixels: 4 },
  { height: 5, width: 33, channels: 32, ...p, merged: false, pixels: 1 },
  { height: 5, width: 7, channels: 16, ...p, merged: true, pixels: 2 },
  { height: 5, width: 7, channels: 18, ...p, merged: false, pixels: 2 },
  { height: 13, width: 7, channels: 3, ...p, merged: false, pixels: 4 },
  { height: 5, width: 7, channels: 13, ...ptb, merged: false, pixels: 2 },
];

/** The mask needs a width that is a multiple of 8; the heights make the last workgroup a partial one. */
const maskCases: readonly Case[] = [
  {
    height: 13,
    width: 24,
    channels: 16,
    ...ptb,
    merged: true,
    pixels: 2,
    maskOf: 'probability',
    threshold: 0.5,
  },
  { height: 5, width: 40, channels: 16, ...ptb, merged: true, pixels: 4, maskOf: 'binary', threshold: 0.7 },
  // As on GPUs.
  { height: 9, width: 16, channels: 64, ...ptb, merged: true, pixels: 1, maskOf: 'binary', threshold: 0.7 },
  {
    height: 1,
    width: 8,
    channels: 16,
    ...p,
    merged: false,
    pixels: 4,
    maskOf: 'probability',
    threshold: 0.45,
  },
  {
    height: 9,
    width: 16,
    channels: 16,
    ...p,
    merged: true,
    pixels: 3,
    maskOf: 'probability',
    threshold: 0.3,
  },
  {
    height: 3,
    width: 56,
    channels: 18,
    ...p,
    merged: false,
    pixels: 1,
    maskOf: 'probability',
    threshold: 0.5,
  },
].map((shape) => ({ ...shape, mask: true }) as Case);

function randomTail(channels: number, seed: number, precision: Precision): TailParameters {
  // Of a size at which neither the units nor the sigmoids saturate.
  const spread = 2 / Math.sqrt(channels);
  return {
    up1: representable(randomFloats(channels * channels * 4, seed, -spread, spread), precision),
    bias1: randomFloats(channels, seed + 1, -0.5, 0.5),
    norm: {
      weight: randomFloats(channels, seed + 2, 0.5, 1.5),
      bias: randomFloats(channels, seed + 3, -0.5, 0.5),
      mean: randomFloats(channels, seed + 4, -0.5, 0.5),
      variance: randomFloats(channels, seed + 5, 0.5, 1.5),
    },
    up2: representable(randomFloats(channels * 4, seed + 6, -spread, spread), precision),
    bias2: randomFloats(1, seed + 7, -0.5, 0.5),
  };
}

/** What the library folds out of the parameters. */
function folded(heads: readonly TailParameters[], channels: number): DbHeadWeights[] {
  const named = new Map<string, ArrayLike<number>>();
  heads.forEach(({ up1, bias1, norm, up2, bias2 }, i) => {
    named.set(`head${i}.3.weight`, up1).set(`head${i}.3.bias`, bias1);
    named.set(`head${i}.4.weight`, norm.weight).set(`head${i}.4.bias`, norm.bias);
    named.set(`head${i}.4.running_mean`, norm.mean).set(`head${i}.4.running_var`, norm.variance);
    named.set(`head${i}.6.weight`, up2).set(`head${i}.6.bias`, bias2);
  });
  const source = (name: string) => named.get(name)!;
  const { operation, derived } = dbHeadOperation.foldBatchNorm!(
    {
      op: 'dbHead',
      name: 'heads',
      outputs: [],
      features: [],
      channels,
      k,
      heads: heads.map((_, i) => ({
        up1: { weight: `head${i}.3.weight`, bias: `head${i}.3.bias`, norm: `head${i}.4` },
        up2: { weight: `head${i}.6.weight`, bias: `head${i}.6.bias` },
      })),
    },
    source,
  );
  const empty = { input: 'image', operations: [], outputs: [], parameters: source };
  const { parameters: parameter } = rewritten(empty, [operation], derived);
  return operation.heads.map(({ up1, up2 }) => ({
    up1: parameter(up1.weight),
    bias1: parameter(up1.bias!),
    up2: parameter(up2.weight),
    bias2: parameter(up2.bias),
  }));
}

async function runHead(
  context: GpuContext,
  { pixels, range = 1, maskOf, threshold = 0.5, ...shape }: Case,
  { precision, quads }: Form,
): Promise<{ maps: Record<string, Float32Array>; logits: Reference[] }> {
  const { height, width, channels, outputs, merged } = shape;
  const count = outputs === 'P' ? 1 : 2;
  const features = [21, 22].map((seed) =>
    zeroLanes(
      representable(randomFloats(height * width * stored(channels), seed, -range, range), precision),
      channels,
    ),
  );
  const heads = [30, 40].slice(0, count).map((seed) => randomTail(channels, seed, precision));
  const both = Float32Array.from(concatenate(features, height * width));
  const [features0, features1] = merged ? [both, both] : features;
  const kernel = dbHead({ label: 'head', ...shape, k }, { precision, pixels, quads });
  const settings = shape.mask ? maskUniforms({ of: maskOf === 'binary' ? 'B' : 'P', threshold }) : {};
  const maps = await runKernel(
    context,
    { ...kernel, shape: { ...kernel.shape, ...settings } },
    {
      features0,
      features1,
      ...packDbHead(folded(heads, channels), channels),
    },
  );
  return {
    maps,
    logits: heads.map((head, i) => tailLogits(withoutLanes(features[i], channels), width, head)),
  };
}

async function check(context: GpuContext, shape: Case, form: Form): Promise<void> {
  const { maps, logits } = await runHead(context, shape, form);
  const { precision } = form;
  // A logit is a sum over sums; the sigmoid's slope is at most 1/4, its own error (exp, division) a few units.
  const relative = sumTolerance(2 * shape.channels, precision);
  const errors = logits.map(({ magnitudes }) => magnitudes.map((m) => (m * relative) / 4 + 2 ** -20));
  const [P, T] = logits.map(({ values }) => values.map(sigmoid));
  const compare = (name: string, values: Float64Array, tolerance: Float64Array) =>
    assertWithin(maps[name], { values, magnitudes: tolerance }, 1, `${name}, ${precision}`);
  compare('probability', P, errors[0]);
  if (shape.outputs === 'P') return;
  compare('threshold', T, errors[1]);
  const error = errors[0].map((e, i) => (k * (e + errors[1][i])) / 4 + 2 ** -20);
  compare('binary', binarize(P, T, k), error);
}

/** Compares the mask bit by bit with the map that it is of, as it was computed. */
async function checkMask(context: GpuContext, shape: Case, form: Form): Promise<void> {
  const { maps } = await runHead(context, shape, form);
  const map = maps[shape.maskOf!];
  const words = new Uint32Array(maps.mask.buffer);
  const threshold = Math.fround(shape.threshold!);
  const counts = [0, 0];
  map.forEach((value, pixel) => {
    const bit = (words[pixel >> 5] >>> (pixel & 31)) & 1;
    counts[bit]++;
    assert(
      bit === (value > threshold ? 1 : 0),
      `mask, ${form.precision}: bit ${pixel} is ${bit} for ${value}`,
    );
  });
  assertEqual(words.length * 32, map.length, 'bits of the mask');
  assert(counts[0] > 5 && counts[1] > 5, `the mask is almost all of one kind: ${counts}`);
}

const nameOf = ({ height, width, channels, outputs, merged, pixels }: Case) =>
  `${outputs} from ${height}x${width}x${channels}, ${merged ? 'merged' : 'separate'}, ${pixels} px per thread`;

const tests: GpuTest[] = [
  ...cases.map((shape) => ({
    name: nameOf(shape),
    async run({ device }: { device: GPUDevice }) {
      const context = await openDevice({ device });
      for (const form of await formsOf(context)) await check(context, shape, form);
    },
  })),
  ...maskCases.map((shape) => ({
    name: `mask, ${nameOf(shape)}, of ${shape.maskOf}`,
    async run({ device }: { device: GPUDevice }) {
      const context = await openDevice({ device });
      for (const form of await formsOf(context)) await checkMask(context, shape, form);
    },
  })),
  {
    name: 'saturated sigmoids are 0 and 1',
    async run({ device }) {
      const context = await openDevice({ device });
      const shape: Case = {
        height: 3,
        width: 5,
        channels: 16,
        ...ptb,
        merged: false,
        pixels: 1,
        range: 1000,
      };
      for (const form of await formsOf(context)) {
        const { maps, logits } = await runHead(context, shape, form);
        const extremes = { high: 0, low: 0 };
        for (const [head, name] of ['probability', 'threshold'].entries()) {
          logits[head].values.forEach((logit, i) => {
            const found = maps[name][i];
            if (logit > 100) extremes.high++;
            if (logit < -100) extremes.low++;
            if (Math.abs(logit) < 100) return;
            assert(Math.abs(found - (logit > 0 ? 1 : 0)) < 1e-30, `${name}: ${found} for the logit ${logit}`);
          });
        }
        assert(extremes.high > 20 && extremes.low > 20, `too few extremes: ${JSON.stringify(extremes)}`);
        assert(
          maps.binary.every((b) => b >= 0 && b <= 1),
          'binary: a value is not from 0 to 1',
        );
      }
    },
  },
];

export default tests;
