/** @file Batches: what is drawn again, what is no step, and what of a picture is seen. */

import { describe, expect, test } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import { ignoredPolygons } from '../../src/labels/label-maps.ts';
import { augment } from '../../src/train/augmentation/augment.ts';
import { Random } from '../../src/train/augmentation/random.ts';
import { type BatchOptions, makeBatch } from '../../src/train/batch.ts';
import type { Pixels } from '../../src/train/read-pixels.ts';
import type { TrainingSample } from '../../src/train/types.ts';
import { random } from '../gpu/assert.ts';
import { compose } from '../gpu/references/compose.ts';

const options: BatchOptions = { cropSize: 64, seed: 1, step: 0, augment: {}, labels: { clipping: 'exact' } };

/** A grey picture with boxes of text: left, top, width, height. */
function sample(
  width: number,
  height: number,
  ...boxes: [left: number, top: number, width: number, height: number, ignore?: boolean][]
): TrainingSample {
  const data = new Uint8Array(3 * width * height).fill(120);
  return {
    image: { data, width, height, channels: 3 },
    polygons: boxes.map(([x, y, w, h, ignore]) => ({
      points: [
        [x, y],
        [x + w, y],
        [x + w, y + h],
        [x, y + h],
      ],
      ignore,
    })),
  };
}

/** Pixels that count as text in the loss. */
function positives({ targets, count }: Awaited<ReturnType<typeof makeBatch>>): number {
  const length = count * 64 * 64;
  return targets.subarray(0, length).filter((value, i) => value > 0 && targets[length + i] > 0).length;
}

async function refusal(samples: TrainingSample[], more: Partial<BatchOptions> = {}): Promise<DBNetError> {
  try {
    await makeBatch(samples, { ...options, ...more });
  } catch (error) {
    if (error instanceof DBNetError) return error;
    throw error;
  }
  throw new Error('expected a DBNetError');
}

describe('a batch without a pixel of text is no batch', () => {
  test('whole pictures: an error with counts and why', async () => {
    const error = await refusal(
      [sample(640, 480, [10, 10, 200, 44], [10, 90, 90, 20], [0, 0, 50, 50, true])],
      {
        augment: { augment: false },
      },
    );
    expect(error.code).toBe('nothing-to-learn');
    expect(error.message).toBe(
      'the samples of this batch have 2 texts, of which no pixel is left to learn from at cropSize 64 (2 too small ' +
        '(below 8 px there)): take a larger cropSize, or samples with larger text',
    );
    const covered = await refusal([sample(64, 64, [10, 10, 40, 20], [5, 5, 50, 50, true])], {
      augment: { augment: false },
    });
    expect(covered.message).toMatch(/1 text, .* \(all covered by labels that are to be ignored\)/);
  });

  test('crops are drawn again, and the first draw stays what it was', async () => {
    // About one crop in two shows it large enough.
    const low = sample(640, 480, [300, 200, 60, 40]);
    const again: number[] = [];
    for (let step = 0; step < 20; step++) {
      const batch = await makeBatch([low], { ...options, step });
      expect(positives(batch), `step ${step}`).toBeGreaterThan(0);
      const first = augment(low.image as Pixels, low.polygons, new Random(1, step, 0), { cropSize: 64 });
      const isLost = ignoredPolygons(first.polygons, first, options.labels).length > 0;
      if (isLost) again.push(step);
      else expect(batch.pixels, `step ${step}`).toEqual(first.data);
    }
    expect(again.length).toBeGreaterThan(0);
    expect(again.length).toBeLessThan(20);
    const never = await refusal([sample(640, 480, [10, 10, 600, 1])]);
    expect(never.code).toBe('nothing-to-learn');
    expect(never.message).toMatch(/cropSize 64 in 10 draws of their crops \(in the last 1 too small/);
  });

  test('without any text', async () => {
    for (const samples of [[sample(64, 64)], [sample(64, 64, [5, 5, 30, 20, true])]]) {
      expect((await refusal(samples)).code).toBe('nothing-to-learn');
    }
  });
});

test('labels that touch both borders are taken, those outside are not', async () => {
  const banner = sample(96, 80, [0, 20, 96, 24]);
  expect(positives(await makeBatch([banner], options))).toBeGreaterThan(0);
  const column = sample(96, 80, [20, 0, 24, 80]);
  expect(positives(await makeBatch([column], options))).toBeGreaterThan(0);
  for (const box of [
    [96, 20, 30, 20],
    [-30, 20, 30, 20],
    [20, 80, 30, 20],
    [20, -20, 30, 20],
  ] as const) {
    const error = await refusal([sample(96, 80, [...box])]);
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toMatch(
      /samples\[0\]\.polygons\[0\]: expected a polygon in the image of 96x80 pixels/,
    );
  }
});

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
    const chosen = { cropSize: 64, seed: 1, step: 0, augment: { ...augment, background }, labels: {} };
    const batch = (data: Uint8Array, channels: 3 | 4) =>
      makeBatch([{ image: { data, width: 64, height: 64, channels }, polygons }], chosen);
    const seen = await batch(rgba, 4);
    expect(seen.pixels).toEqual((await batch(compose(rgba, background), 3)).pixels);
  }
});
