/** @file Typed arrays of another realm, which are of no class here, wherever the library takes typed arrays. */

import { expect, test } from 'vitest';
import { labelMaps } from '../../src/labels/index.ts';
import { findRegions } from '../../src/postprocess/index.ts';
import { loadBytes, parseSafetensors, writeSafetensors } from '../../src/safetensors/index.ts';
import { augment, Random } from '../../src/train/index.ts';
import { inOtherRealm } from '../helpers/other-realm.ts';

const foreign = await inOtherRealm<{
  Float32Array: Float32ArrayConstructor;
  Uint8Array: Uint8ArrayConstructor;
  Uint32Array: Uint32ArrayConstructor;
}>('{ Float32Array, Uint8Array, Uint32Array }');

test('the other realm has classes of its own', () => {
  expect(new foreign.Uint8Array(1) instanceof Uint8Array).toBe(false);
});

test('maps and masks', () => {
  const [width, height] = [32, 16];
  const text = (i: number) => (i % width > 4 && i % width < 28 && i / width > 4 && i / width < 12 ? 1 : 0);
  const data = Float32Array.from({ length: width * height }, (_, i) => 0.9 * text(i));
  const bytes = Uint8Array.from({ length: width * height }, (_, i) => text(i));
  const words = Uint32Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (text(y * width + x) ? 2 ** x : 0)).reduce((a, b) => a + b),
  );
  const expected = findRegions({ data, width, height }, { threshold: 0.3 });
  expect(expected.regions.length).toBe(1);
  for (const mask of [undefined, foreign.Uint8Array.from(bytes), foreign.Uint32Array.from(words)]) {
    const map = { data: foreign.Float32Array.from(data), width, height, mask };
    expect(findRegions(map, { threshold: 0.3 })).toEqual(expected);
  }
});

test('arrays that label maps are drawn into', () => {
  const size = { width: 32, height: 16 };
  const array = () => new foreign.Float32Array(32 * 16);
  const into = {
    probability: array(),
    probabilityMask: array(),
    threshold: array(),
    thresholdMask: array(),
  };
  const points: [number, number][] = [
    [2, 2],
    [30, 2],
    [30, 14],
    [2, 14],
  ];
  labelMaps([{ points }], size, { into });
  expect([...into.probability]).toEqual([...labelMaps([{ points }], size).probability]);
});

test('tensors and files', async () => {
  const file = writeSafetensors({
    a: { dtype: 'F32', shape: [2], data: foreign.Float32Array.of(1, 2) },
  });
  const bytes = foreign.Uint8Array.from(file);
  expect([...parseSafetensors(await loadBytes(bytes)).float32('a')]).toEqual([1, 2]);
});

test('pictures that crops are cut from', () => {
  const data = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => i);
  const cut = (pixels: Uint8Array) =>
    augment({ data: pixels, width: 8, height: 8, channels: 3 }, [], new Random(1), { cropSize: 8 }).data;
  expect(cut(foreign.Uint8Array.from(data))).toEqual(cut(data));
});
