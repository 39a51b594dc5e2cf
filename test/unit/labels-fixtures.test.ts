/** @file Label maps against those of an independent implementation in Python (OpenCV, pyclipper). */

import { describe, expect, it } from 'vitest';
import { type LabelPolygon, labelMaps } from '../../src/labels/index.ts';
import { readFixture, readJsonFixture } from '../helpers/fixtures.ts';

interface Case {
  width: number;
  height: number;
  polygons: LabelPolygon[];
}

const references = readFixture('labels.safetensors');
const { cases } = readJsonFixture<{ cases: Case[] }>('labels.json');

const MASKS = ['probability', 'probabilityMask', 'thresholdMask'] as const;

describe.each(cases.map(({ polygons, ...size }, i) => ({ i, size, maps: labelMaps(polygons, size) })))(
  'the maps of case $i',
  ({ i, size, maps }) => {
    const reference = (name: string) => references.get(`${i}.${name}`)!.data as Float32Array;
    const { width, height } = size;

    it.each(MASKS)(
      '%s: in at most 0.5 percent of the pixels another one, and those beside a border',
      (name) => {
        const [expected, found] = [reference(name), maps[name]];
        expect(expected.length).toBe(width * height);
        let different = 0;
        for (let at = 0; at < expected.length; at++) {
          if (found[at] === expected[at]) continue;
          different++;
          expect(
            isNearBorder(expected, width, height, at),
            `pixel ${at % width}, ${Math.floor(at / width)}`,
          ).toBe(true);
        }
        // They hardly differ at all: in 10 pixels of 65536 at most, and most of these lie around spikes along the
        // image's border, which Clipper 1 dilates and this implementation leaves away.
        expect(different).toBeLessThanOrEqual(12);
        expect(different / expected.length).toBeLessThanOrEqual(0.005);
        expect(found.every((value) => value === 0 || value === 1)).toBe(true);
        expect(expected.some((value) => value === 1)).toBe(true);
      },
    );

    it('threshold: the same to f32 rounding', () => {
      const [expected, found] = [reference('threshold'), maps.threshold];
      let largest = 0;
      for (let at = 0; at < expected.length; at++) {
        largest = Math.max(largest, Math.abs(found[at] - expected[at]));
      }
      expect(largest).toBeLessThan(1e-6);
      expect(expected.some((value) => value > 0.69)).toBe(true);
    });
  },
);

/** Whether one of the eight neighbours of a pixel has another value. */
function isNearBorder(map: Float32Array, width: number, height: number, at: number): boolean {
  const [x, y] = [at % width, Math.floor(at / width)];
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
    for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
      if (map[v * width + u] !== map[at]) return true;
    }
  }
  return false;
}
