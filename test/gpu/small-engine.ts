/** @file A detector's engine with a network of few channels and random weights: what it does takes milliseconds. */

import { Engine } from '../../src/detector/engine.ts';
import { readRecipe } from '../../src/detector/recipe.ts';
import type { Checkpoint } from '../../src/graph/checkpoint.ts';
import { openDevice } from '../../src/runtime/gpu-context.ts';
import { TunedChoice } from '../../src/tuning/tuned-choice.ts';
import { randomParameters, smallEntries } from '../helpers/networks.ts';

export const smallRecipe = readRecipe({ input: JSON.stringify({ size: { rule: 'shortSide', value: 32 } }) });

export async function openSmallEngine(device: GPUDevice): Promise<Engine> {
  const context = await openDevice({ device });
  // The head's shader has 16 channels at least.
  const checkpoint: Checkpoint = {
    hasThresholdHead: true,
    parameters: 0,
    entries: ({ thresholdHead }) => smallEntries(thresholdHead, 4),
    source: randomParameters(smallEntries(true, 4), 1),
  };
  return await Engine.create(context, checkpoint, smallRecipe, new TunedChoice(context, 'f32'));
}
