/** @file A detector's engine with a network of few channels and random weights: what it does takes milliseconds. */

import { Engine } from '../../src/detect/engine.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { readRecipe } from '../../src/input/recipe.ts';
import { TunedChoice } from '../../src/tuning/tuned-choice.ts';
import { smallNetwork, withRandomParameters } from '../helpers/networks.ts';

export const smallRecipe = readRecipe({ input: JSON.stringify({ size: { rule: 'shortSide', value: 32 } }) });

export async function openSmallEngine(device: GPUDevice): Promise<Engine> {
  const context = await openDevice({ device });
  // The head's shader has 16 channels at least.
  const graph = withRandomParameters(smallNetwork(true, { width: 16 }), 1);
  const engine = new Engine(context, graph, smallRecipe, new TunedChoice(context, 'f32'));
  await engine.load(graph.parameters);
  return engine;
}
