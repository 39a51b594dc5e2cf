/** @file Parts of a large picture: each pixel once, from the part that sees the most around it. */

import { describe, expect, it } from 'vitest';
import { partsOf, WholeMap } from '../../src/detect/split.ts';

describe('partsOf', () => {
  it.each([
    [6000, 4000, 1024],
    [1025, 100, 1024],
    [1024, 1024, 1024],
    [3001, 2111, 736],
    [5, 9000, 736],
  ])('%ix%i in parts of %i: each pixel is kept once, inside of what is seen', (width, height, side) => {
    const parts = partsOf({ width, height }, side);
    const counts = new Uint8Array(width * height);
    for (const { seen, kept } of parts) {
      expect(seen.width).toBe(Math.min(width, side));
      expect(seen.height).toBe(Math.min(height, side));
      for (const [low, length, from, count, whole] of [
        [seen.x, seen.width, kept.x, kept.width, width],
        [seen.y, seen.height, kept.y, kept.height, height],
      ]) {
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low + length).toBeLessThanOrEqual(whole);
        // At a seam the network sees as much as it needs.
        expect(from - low).toBeGreaterThanOrEqual(from === 0 ? 0 : 96);
        expect(low + length - from - count).toBeGreaterThanOrEqual(from + count === whole ? 0 : 96);
      }
      for (let y = kept.y; y < kept.y + kept.height; y++) {
        for (let x = kept.x; x < kept.x + kept.width; x++) counts[y * width + x]++;
      }
    }
    expect(counts.every((count) => count === 1)).toBe(true);
  });

  it('takes as few as can share so much', () => {
    expect(partsOf({ width: 1024, height: 1024 }, 1024)).toHaveLength(1);
    expect(partsOf({ width: 1856, height: 1024 }, 1024)).toHaveLength(2);
    expect(partsOf({ width: 1857, height: 1024 }, 1024)).toHaveLength(3);
  });
});

describe('WholeMap', () => {
  it('puts the maps of the parts together, bit for bit', () => {
    const size = { width: 701, height: 333 };
    const side = 300;
    const stride = 320;
    const P = (x: number, y: number) => Math.fround((x * 31 + y * 17) % 101) / 101;
    const whole = new WholeMap(size);
    for (const part of partsOf(size, side)) {
      const values = new Float32Array(stride * stride).fill(Number.NaN);
      const words = new Uint32Array((stride * stride) / 32);
      for (let y = 0; y < part.seen.height; y++) {
        for (let x = 0; x < part.seen.width; x++) {
          const value = P(part.seen.x + x, part.seen.y + y);
          values[y * stride + x] = value;
          if (value > 0.5) words[(y * stride + x) >> 5] |= 1 << (x & 31);
        }
      }
      whole.put(part, values, words, stride);
    }
    const expected = Float32Array.from({ length: size.width * size.height }, (_, i) =>
      P(i % size.width, Math.floor(i / size.width)),
    );
    expect(whole.data).toEqual(expected);
    expect(whole.mask).toEqual(Uint8Array.from(expected, (value) => (value > 0.5 ? 1 : 0)));
  });
});
