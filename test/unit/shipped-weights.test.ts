/** @file The weights that the package brings: what they say of their own use is what the model card says. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readRecipe } from '../../src/input/recipe.ts';
import { readCheckpoint } from '../../src/models/checkpoint.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';

const read = (name: string) => readFileSync(new URL(`../../weights/${name}`, import.meta.url));

describe('the shipped weights', () => {
  const file = parseSafetensors(new Uint8Array(read('db-resnet18.safetensors')));
  const card = read('README.md').toString();

  it('state the size and the thresholds at which their score was measured', () => {
    const { size, postprocess, input } = readRecipe(file.metadata);
    expect(size).toEqual({ rule: 'shortSide', value: 1024, multipleOf: 32 });
    expect(card).toContain('short side 1024');
    expect(postprocess).toEqual({ threshold: 0.35, boxThreshold: 0.5, unclipRatio: 1.5 });
    expect(card).toContain('threshold 0.35, boxThreshold 0.5, unclipRatio 1.5');
    expect(input.channelOrder).toBe('rgb');
  });

  it('are a DB-ResNet-18 with both heads', () => {
    const { graph, parameterCount } = readCheckpoint(file);
    expect([graph.outputs, parameterCount]).toEqual([['P', 'T', 'B'], 12_340_930]);
  });
});
