/** @file Networks for tests: DB-ResNet-18 without weights, and one with few channels and random weights. */

import { type Graph, type Network, parameterShapes } from '../../src/graph/graph.ts';
import type { KernelChoice, ParameterSource } from '../../src/graph/operation.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { type Plan, type PlanInput, plan } from '../../src/graph/plan.ts';
import { dbNet } from '../../src/models/dbnet.ts';
import { conv } from '../../src/models/layers.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { randomFloats } from '../gpu/assert.ts';

const noParameters: ParameterSource = (name) => {
  throw new Error(`'${name}' was read, though nothing is computed here`);
};

/** DB-ResNet-18, as wide as in the paper. */
export const fullNetwork = (thresholdHead = true): Network => dbNet(resNet18(), { thresholdHead });

/** The whole network, norms folded, for whatever needs no numbers. */
export const fullGraph = (thresholdHead: boolean): Graph =>
  foldBatchNorm({ ...fullNetwork(thresholdHead), parameters: noParameters });

const input: PlanInput = { source: 3, channelOrder: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] };

/** A plan of a graph; the tile that is chosen for a software adapter unless stated. */
export const planOf = (
  graph: Graph,
  size: { width: number; height: number },
  choice: Partial<KernelChoice> = {},
): Plan =>
  plan(graph, size, input, {
    precision: 'f32',
    tile: () => ({ kind: 'direct', pixels: 8, channels: 4 }),
    headPixels: 4,
    ...choice,
  });

/** The network with few channels: `width` to 8 times as many in the backbone, as many in the heads. */
export const smallNetwork = (
  thresholdHead: boolean,
  { width = 4, k }: { width?: number; k?: number } = {},
): Network => dbNet(resNet18(width), { neck: 4 * width, head: width, thresholdHead, k });

/** A stem and heads: compiled in a moment. */
export function tinyNetwork(thresholdHead: boolean): Network {
  // The head's shader has 16 channels at least.
  const channels = 16;
  const { operations, ...rest } = smallNetwork(thresholdHead, { width: channels });
  const head = (output: string, prefix: string) =>
    conv(output, 'pool', `${prefix}.0.weight`, [channels, channels], { norm: `${prefix}.1` });
  return {
    ...rest,
    operations: [
      ...operations.slice(0, 2),
      head('probabilityFeatures', 'decoder.binarize'),
      ...(thresholdHead ? [head('thresholdFeatures', 'decoder.thresh')] : []),
      ...operations.slice(-1),
    ],
  };
}

/** Seeded random parameters: weights that neither die out nor explode, variances above zero. */
export function randomParameters(network: Network, seed: number): ParameterSource {
  const values = new Map<string, Float32Array>();
  let next = seed;
  for (const [name, shape] of parameterShapes(network)) {
    const count = shape.reduce((product, side) => product * side, 1);
    const spread = shape.length === 4 ? 2 / Math.sqrt(count / shape[0]) : 0.5;
    const [low, high] = name.endsWith('running_var') ? [0.5, 1.5] : [-spread, spread];
    values.set(name, randomFloats(count, next++, low, high));
  }
  return (name) => values.get(name)!;
}

export const withRandomParameters = (network: Network, seed: number): Graph => ({
  ...network,
  parameters: randomParameters(network, seed),
});

/** The small network with random parameters, norms folded. */
export function smallGraph(thresholdHead: boolean, seed = 1): Graph {
  return foldBatchNorm(withRandomParameters(smallNetwork(thresholdHead, { k: 5 }), seed));
}
