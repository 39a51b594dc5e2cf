/** @file The table of the resize, and the resize itself against OpenCV's own pixels. */

import { describe, expect, it } from 'vitest';
import { resizeTable } from '../../src/kernels/preprocess.ts';
import type { PaddedSize, Size } from '../../src/size.ts';
import { random } from '../gpu/assert.ts';
import { resizeBilinear } from '../gpu/references/resize.ts';

/** An axis of a table as [first, second, weight of the second] per position. */
function axes(source: Size, target: PaddedSize) {
  const table = resizeTable(source, target);
  expect([...table.subarray(0, 2)]).toEqual([source.width, source.height]);
  expect(table.length).toBe(2 * (1 + target.width + target.height));
  const entries = Array.from({ length: target.width + target.height }, (_, i) => {
    const [packed, weight] = table.subarray(2 + 2 * i);
    return [packed & 65535, packed >>> 16, weight];
  });
  return { x: entries.slice(0, target.width), y: entries.slice(target.width) };
}

/** Pixels that anybody can make again. */
const pixels = (count: number) => Uint8Array.from({ length: count }, (_, i) => i * 89 + 41);

describe('resizeTable', () => {
  it('takes every pixel as it is where the size stays', () => {
    const { x, y } = axes({ width: 3, height: 2 }, { width: 3, height: 2 });
    expect(x.map(([first, , weight]) => [first, weight])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    expect(y.map(([first, , weight]) => [first, weight])).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });

  it('has half-pixel centres; at the border x has one pixel, y blends it with itself', () => {
    const { x, y } = axes({ width: 2, height: 2 }, { width: 4, height: 4 });
    expect(x.map(([first, , weight]) => [first, weight])).toEqual([
      [0, 0],
      [0, 512],
      [0, 1536],
      [1, 0],
    ]);
    expect(y).toEqual([
      [0, 0, 1536],
      [0, 1, 512],
      [0, 1, 1536],
      [1, 1, 512],
    ]);
  });

  it('does not average when it shrinks', () => {
    expect(axes({ width: 4, height: 3 }, { width: 2, height: 2 })).toEqual({
      x: [
        [0, 1, 1024],
        [2, 3, 1024],
      ],
      y: [
        [0, 1, 512],
        [1, 2, 1536],
      ],
    });
  });

  it('is that of the content, then padding', () => {
    const source = { width: 5, height: 7 };
    const content = { width: 9, height: 4 };
    const { x, y } = axes(source, { width: 32, height: 64, content });
    const alone = axes(source, content);
    expect([x.slice(0, 9), y.slice(0, 4)]).toEqual([alone.x, alone.y]);
    for (const entry of [...x.slice(9), ...y.slice(4)]) expect(entry).toEqual([0, 0, 0xffffffff]);
    expect([x.length, y.length]).toEqual([32, 64]);
    // All of it is content where nothing else is said.
    expect(resizeTable(source, { ...content, content })).toEqual(resizeTable(source, content));
  });

  it('stays within the image, up to the widest', () => {
    for (const from of [1, 2, 3, 7, 16384, 65535]) {
      for (const to of [1, 2, 5, 32, 2048]) {
        const { x, y } = axes({ width: from, height: from }, { width: to, height: to });
        for (const [first, second, weight] of [...x, ...y]) {
          expect(second - first === 0 || second - first === 1).toBe(true);
          expect(second).toBeLessThan(from);
          expect(weight).toBeLessThanOrEqual(2048);
        }
      }
    }
  });
});

describe('resize', () => {
  it('gives the pixels of cv2.resize (OpenCV 5.0.0, INTER_LINEAR)', () => {
    const resize = (
      [height, width, channels]: [number, number, number],
      [outHeight, outWidth]: [number, number],
    ) => [
      ...resizeBilinear(pixels(height * width * channels), { height, width }, channels, {
        height: outHeight,
        width: outWidth,
      }),
    ];
    // biome-ignore format: rows of the picture
    expect(resize([4, 5, 1], [7, 9])).toEqual([
      41, 71, 120, 169, 219, 126, 62, 111, 141,
      108, 107, 106, 146, 195, 153, 119, 118, 117,
      216, 167, 84, 107, 157, 196, 211, 128, 79,
      197, 183, 162, 140, 119, 168, 189, 96, 41,
      158, 188, 237, 173, 80, 130, 153, 70, 20,
      120, 150, 199, 134, 42, 91, 130, 129, 128,
      96, 125, 175, 111, 18, 67, 117, 166, 196,
    ]);
    expect(resize([5, 7, 3], [3, 4])).toEqual([
      71, 160, 163, 90, 179, 183, 109, 198, 53, 128, 132, 50, 199, 32, 121, 218, 51, 140, 238, 71, 160, 97,
      90, 179, 71, 160, 79, 91, 180, 98, 110, 199, 117, 129, 218, 83,
    ]);
    // The border rows are where blending a pixel with itself shows.
    expect(resize([2, 3, 1], [5, 2])).toEqual([63, 197, 64, 198, 69, 202, 73, 206, 74, 208]);
  });

  it('needs no more than the table: the weights of two pixels add up to 2048', () => {
    const next = random(1);
    for (let round = 0; round < 60; round++) {
      const side = () => 1 + Math.floor(next() ** 2 * 90);
      const source = { height: side(), width: side() };
      const target = { height: side(), width: side() };
      const image = pixels(source.height * source.width);
      const { x, y } = axes(source, target);
      const byTable = y.flatMap(([top, bottom, down]) =>
        x.map(([left, right, across]) => {
          const row = (index: number) =>
            (image[index * source.width + left] * (2048 - across) +
              image[index * source.width + right] * across) >>
            4;
          return (((row(top) * (2048 - down)) >> 16) + ((row(bottom) * down) >> 16) + 2) >> 2;
        }),
      );
      expect(byTable).toEqual([...resizeBilinear(image, source, 1, target)]);
    }
  });
});
