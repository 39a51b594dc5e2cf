/** @file Weights, and a detector's engine, of few channels and random numbers: what they do takes milliseconds. */

import { Engine } from '../../src/detect/engine.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { type Network, parameterShapes } from '../../src/graph/graph.ts';
import { writeNetwork } from '../../src/graph/network-json.ts';
import { readRecipe } from '../../src/input/recipe.ts';
import { type TensorData, writeSafetensors } from '../../src/safetensors/write.ts';
import { TunedChoice } from '../../src/tuning/tuned-choice.ts';
import { randomParameters, smallNetwork, tinyNetwork, withRandomParameters } from '../helpers/networks.ts';

export const smallRecipe = readRecipe({ input: JSON.stringify({ size: { rule: 'shortSide', value: 32 } }) });

export async function openSmallEngine(device: GPUDevice): Promise<Engine> {
  const context = await openDevice({ device });
  // The head's shader has 16 channels at least.
  const graph = withRandomParameters(smallNetwork(true, { width: 16 }), 1);
  const engine = new Engine(context, graph, smallRecipe, new TunedChoice(context, 'f32'), {
    maxPrograms: 16,
    selfTest: false,
  });
  await engine.load(graph.parameters);
  return engine;
}

/** A network of few channels with random weights, as a file with an `input` recipe. */
export const smallWeights = (thresholdHead: boolean, input: object = {}): Uint8Array =>
  // The head's shader has 16 channels at least.
  fileOf(smallNetwork(thresholdHead, { width: 16 }), { input: JSON.stringify(input) });

/** The same of few layers, for tests of many devices: each compiles all of them. */
export function tinyWeights(thresholdHead: boolean, input: object = {}): Uint8Array {
  const network = tinyNetwork(thresholdHead);
  return fileOf(network, { input: JSON.stringify(input), network: writeNetwork(network) });
}

function fileOf(network: Network, metadata: Record<string, string>): Uint8Array {
  const parameters = randomParameters(network, 1);
  const tensors = [...parameterShapes(network)].map(([name, shape]): [string, TensorData] => [
    name,
    { dtype: 'F32', shape, data: Float32Array.from(parameters(name)) },
  ]);
  return writeSafetensors(tensors, metadata);
}
