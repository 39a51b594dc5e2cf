/** @file What the metadata of a weights file says of its use, and what it may not say. */

import { describe, expect, it } from 'vitest';
import type { CreateOptions } from '../../src/detect/types.ts';
import { readRecipe } from '../../src/input/recipe.ts';
import type { SizeRule } from '../../src/input/types.ts';
import { errorOf } from './safetensors-helpers.ts';

const authors = {
  channelOrder: 'bgr',
  mean: [122.67891434, 116.66876762, 104.00698793],
  std: [255, 255, 255],
};

const full = {
  architecture: 'db-resnet18',
  input: JSON.stringify({
    channelOrder: 'rgb',
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
    size: { rule: 'shortSide', value: 640, multipleOf: 32 },
  }),
  postprocess: JSON.stringify({ threshold: 0.35, boxThreshold: 0.5, unclipRatio: 1.6 }),
  note: 'anything',
  unknown: 'kept and ignored',
};

describe('readRecipe', () => {
  it("is the authors' recipe where the metadata says nothing", () => {
    expect(readRecipe({})).toEqual({
      input: authors,
      size: { rule: 'shortSide', value: 736, multipleOf: 32 },
      postprocess: { threshold: undefined, boxThreshold: undefined, unclipRatio: undefined },
    });
  });

  it('obeys the metadata, and ignores keys that it does not know', () => {
    expect(readRecipe(full)).toEqual({
      input: { channelOrder: 'rgb', mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
      size: { rule: 'shortSide', value: 640, multipleOf: 32 },
      postprocess: { threshold: 0.35, boxThreshold: 0.5, unclipRatio: 1.6 },
    });
  });

  it("fills what is left out of the metadata from the authors' recipe", () => {
    const { input, size } = readRecipe({ input: '{"channelOrder":"rgb","other":1}' });
    expect(input).toEqual({ ...authors, channelOrder: 'rgb' });
    expect(size).toEqual({ rule: 'shortSide', value: 736, multipleOf: 32 });
    expect(readRecipe({ postprocess: '{"threshold":0}' }).postprocess.threshold).toBe(0);
  });

  it('reads the size rules of all publishers, without what else stands there', () => {
    const rules: SizeRule[] = [
      { rule: 'shortSide', value: 640, multipleOf: 32 },
      { rule: 'fit', shortSide: 736, longSide: 1333, multipleOf: 32 },
      { rule: 'limit', side: 'long', value: 960, longest: 4000, multipleOf: 32 },
      { rule: 'limit', side: 'short', value: 736, longest: 4000, multipleOf: 32 },
      { rule: 'fixed', width: 1280, height: 736 },
    ];
    for (const size of rules) {
      const { multipleOf, ...rest } = { multipleOf: 32, ...size };
      for (const stated of [size, rest, { ...size, note: 'x' }])
        expect(readRecipe({ input: JSON.stringify({ size: stated }) }).size).toEqual(size);
    }
  });

  it('reads all that the metadata may say of post-processing', () => {
    const postprocess = {
      threshold: 0.2,
      boxThreshold: 0.45,
      unclipRatio: 1.4,
      maxCandidates: 3000,
      minSize: 5,
    };
    expect(readRecipe({ postprocess: JSON.stringify(postprocess) }).postprocess).toEqual(postprocess);
  });

  it("puts the caller's input before both", () => {
    expect(readRecipe(full, { channelOrder: 'bgr' }).input).toEqual({
      channelOrder: 'bgr',
      mean: [123.675, 116.28, 103.53],
      std: [58.395, 57.12, 57.375],
    });
    expect(readRecipe({}, { mean: [0, 0, 0], std: [1, 2, 3] }).input).toEqual({
      channelOrder: 'bgr',
      mean: [0, 0, 0],
      std: [1, 2, 3],
    });
    expect(readRecipe(full, {}).input).toEqual(readRecipe(full).input);
  });

  const input = (value: unknown) => ({ input: JSON.stringify(value) });
  const postprocess = (value: unknown) => ({ postprocess: JSON.stringify(value) });
  const wrong: [name: string, metadata: Record<string, string>, path: string][] = [
    ['input that is no JSON', { input: '{channelOrder:"rgb"}' }, 'input'],
    ['input that is no object', { input: '"rgb"' }, 'input'],
    ['input that is an array', { input: '[]' }, 'input'],
    ['input that is null', { input: 'null' }, 'input'],
    ['an order that does not exist', input({ channelOrder: 'RGB' }), 'input.channelOrder'],
    ['a mean that is no array', input({ mean: 116 }), 'input.mean'],
    ['a mean of two', input({ mean: [1, 2] }), 'input.mean'],
    ['a mean with a string', input({ mean: [1, 2, '3'] }), 'input.mean'],
    ['a mean with null', input({ mean: [1, 2, null] }), 'input.mean'],
    ['a std of zero', input({ std: [1, 0, 1] }), 'input.std'],
    ['a negative std', input({ std: [1, -1, 1] }), 'input.std'],
    ['a std of four', input({ std: [1, 1, 1, 1] }), 'input.std'],
    ['a std that makes pixels infinite', input({ std: [255, 1e-320, 255] }), 'input'],
    ['a std that makes pixels too large for f16', input({ std: [255, 255, 1e-3] }), 'input'],
    ['a mean that does', input({ mean: [0, 0, 1e300] }), 'input'],
    ['a size that is no object', input({ size: 736 }), 'input.size'],
    ['a rule that is not known', input({ size: { rule: 'longSide' } }), 'input.size.rule'],
    ['another multiple', input({ size: { multipleOf: 64 } }), 'input.size.multipleOf'],
    ['a short side that is too short', input({ size: { value: 16 } }), 'input.size.value'],
    ['a short side that is no number', input({ size: { value: '736' } }), 'input.size.value'],
    ['a rule that is null', input({ size: { rule: null } }), 'input.size.rule'],
    ['a fit without its long side', input({ size: { rule: 'fit', shortSide: 736 } }), 'input.size.longSide'],
    [
      'a fit of no pixels',
      input({ size: { rule: 'fit', shortSide: 0, longSide: 1333 } }),
      'input.size.shortSide',
    ],
    [
      'a limit of another side',
      input({ size: { rule: 'limit', side: 'max', value: 960, longest: 4000 } }),
      'input.size.side',
    ],
    [
      'a limit without its longest side',
      input({ size: { rule: 'limit', side: 'long', value: 960 } }),
      'input.size.longest',
    ],
    [
      'a fixed size that is no multiple of 32',
      input({ size: { rule: 'fixed', width: 1280, height: 720 } }),
      'input.size.height',
    ],
    ['a fixed size without a width', input({ size: { rule: 'fixed', height: 736 } }), 'input.size.width'],
    ['no candidates', postprocess({ maxCandidates: 0 }), 'postprocess.maxCandidates'],
    ['half a candidate', postprocess({ maxCandidates: 0.5 }), 'postprocess.maxCandidates'],
    ['a negative minSize', postprocess({ minSize: -1 }), 'postprocess.minSize'],
    ['postprocess that is no JSON', { postprocess: '' }, 'postprocess'],
    ['a threshold above 1', postprocess({ threshold: 1.5 }), 'postprocess.threshold'],
    ['a threshold that is no number', postprocess({ threshold: '0.3' }), 'postprocess.threshold'],
    ['a negative boxThreshold', postprocess({ boxThreshold: -0.1 }), 'postprocess.boxThreshold'],
    ['a negative unclipRatio', postprocess({ unclipRatio: -1 }), 'postprocess.unclipRatio'],
  ];
  for (const [name, metadata, path] of wrong) {
    it(`refuses ${name}`, () => {
      const { message } = errorOf('incompatible-weights', () => readRecipe(metadata));
      expect(message).toContain(`'${path}'`);
      expect(message).toMatch(/expected .+, found .+/);
    });
  }

  const wrongOverrides: [name: string, override: unknown, option: string][] = [
    ['a string', 'rgb', 'input'],
    ['null', null, 'input'],
    ['an array', ['rgb'], 'input'],
    ['an unknown key', { order: 'rgb' }, 'input'],
    ['an order that does not exist', { channelOrder: 'grb' }, 'input.channelOrder'],
    ['a mean with NaN', { mean: [1, 2, Number.NaN] }, 'input.mean'],
    ['an infinite std', { std: [1, 2, Infinity] }, 'input.std'],
    ['a std of zero', { std: [0, 1, 1] }, 'input.std'],
    ['a std that makes pixels infinite', { std: [1e-320, 1, 1] }, 'input'],
  ];
  for (const [name, override, option] of wrongOverrides) {
    it(`refuses ${name} as the option`, () => {
      const call = () => readRecipe({}, override as CreateOptions['input']);
      expect(errorOf('invalid-argument', call).message).toContain(`${option}: expected`);
    });
  }
});
