/** @file Networks for tests: DB-ResNet-18 without weights, and one with few channels and random weights. */

import { dbResNet18, type Entry, parameterShapes } from '../../src/graph/dbnet.ts';
import { foldBatchNorm, type ParameterSource } from '../../src/graph/fold-batch-norm.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { type Plan, type PlanChoice, type PlanInput, plan } from '../../src/graph/plan.ts';
import { randomFloats } from '../gpu/assert.ts';

const noParameters: ParameterSource = (name) => {
  throw new Error(`'${name}' was read, though nothing is computed here`);
};

/** The whole network, for whatever needs no numbers. */
export const fullGraph = (thresholdHead: boolean): Graph =>
  foldBatchNorm(dbResNet18({ thresholdHead }), noParameters, 50);

const input: PlanInput = { source: 3, channelOrder: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] };

/** A plan of a graph; the tile that is chosen for a software adapter unless stated. */
export const planOf = (
  graph: Graph,
  size: { width: number; height: number },
  choice: Partial<PlanChoice> = {},
  { keep }: { keep?: 'all' | readonly string[] } = {},
): Plan =>
  plan(
    graph,
    size,
    input,
    {
      precision: 'f32',
      tile: () => ({ kind: 'direct', pixels: 8, channels: 4 }),
      headPixels: 4,
      ...choice,
    },
    { keep },
  );

/** The network's entries with every number of channels (64 to 512) but the image's divided by `shrink`. */
export const smallEntries = (thresholdHead: boolean, shrink = 16): Entry[] =>
  dbResNet18({ thresholdHead }).map((entry): Entry => {
    if (entry.op === 'dbHead') return { ...entry, channels: entry.channels / shrink };
    if (entry.op !== 'conv2d') return entry;
    const inChannels = entry.inChannels === 3 ? 3 : entry.inChannels / shrink;
    return { ...entry, inChannels, outChannels: entry.outChannels / shrink };
  });

/** Seeded random parameters: weights that neither die out nor explode, variances above zero. */
export function randomParameters(entries: readonly Entry[], seed: number): ParameterSource {
  const values = new Map<string, Float32Array>();
  let next = seed;
  for (const [name, shape] of parameterShapes(entries)) {
    const count = shape.reduce((product, side) => product * side, 1);
    const spread = shape.length === 4 ? 2 / Math.sqrt(count / shape[0]) : 0.5;
    const [low, high] = name.endsWith('running_var') ? [0.5, 1.5] : [-spread, spread];
    values.set(name, randomFloats(count, next++, low, high));
  }
  return (name) => values.get(name)!;
}

/** The small network with random parameters. */
export function smallGraph(thresholdHead: boolean, seed = 1): Graph {
  const entries = smallEntries(thresholdHead);
  return foldBatchNorm(entries, randomParameters(entries, seed), 5);
}
