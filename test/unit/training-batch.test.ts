/** @file Batches: what of a picture reaches the network. */

import { expect, test } from 'vitest';
import { makeBatch } from '../../src/training/batch.ts';
import { random } from '../gpu/assert.ts';
import { compose } from '../gpu/references/compose.ts';

test('transparent pixels show the background of the settings, with augmentation and without', async () => {
  const next = random(7);
  const rgba = Uint8Array.from({ length: 64 * 64 * 4 }, () => next() * 256);
  const polygons = [
    {
      points: [
        [8, 8],
        [56, 8],
        [56, 40],
        [8, 40],
      ] as [number, number][],
    },
  ];
  const background = [20, 140, 255] as const;
  for (const augment of [{}, { augment: false }]) {
    const options = { cropSize: 64, seed: 1, step: 0, augment: { ...augment, background }, labels: {} };
    const batch = (data: Uint8Array, channels: 3 | 4) =>
      makeBatch([{ image: { data, width: 64, height: 64, channels }, polygons }], options);
    const seen = await batch(rgba, 4);
    expect(seen.pixels).toEqual((await batch(compose(rgba, background), 3)).pixels);
  }
});
