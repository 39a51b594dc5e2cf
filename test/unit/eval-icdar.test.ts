/** @file The ICDAR 2015 measure against cases worked out by hand. */

import { describe, expect, test } from 'vitest';
import { type Label, matchImage, rates, sumCounts } from '../../src/eval/icdar.ts';
import { intersectionArea, intersectionOverUnion, toShape } from '../../src/eval/overlap.ts';
import type { Point } from '../../src/postprocess/types.ts';

const box = (x: number, y: number, width: number, height: number): Point[] => [
  [x, y],
  [x + width, y],
  [x + width, y + height],
  [x, y + height],
];
const care = (points: Point[]): Label => ({ points, ignore: false });
const dontCare = (points: Point[]): Label => ({ points, ignore: true });

describe('overlap of polygons', () => {
  test('area is that of the polygon in either orientation', () => {
    expect(toShape(box(1, 2, 30, 4)).area).toBeCloseTo(120, 6);
    expect(toShape(box(1, 2, 30, 4).reverse()).area).toBeCloseTo(120, 6);
  });

  test('intersections are exact below a pixel', () => {
    const a = toShape(box(0, 0, 10, 10));
    const b = toShape(box(9.75, 0.25, 10, 10));
    expect(intersectionArea(a, b)).toBeCloseTo(0.25 * 9.75, 3);
    expect(intersectionArea(b, a)).toBeCloseTo(0.25 * 9.75, 3);
  });

  test('IoU of shifted boxes', () => {
    const a = toShape(box(0, 0, 10, 10));
    expect(intersectionOverUnion(a, toShape(box(5, 0, 10, 10)))).toBeCloseTo(1 / 3, 6);
    expect(intersectionOverUnion(a, a)).toBeCloseTo(1, 6);
    expect(intersectionOverUnion(a, toShape(box(10, 0, 5, 5)))).toBe(0);
  });

  test('a concave polygon does not count as its hull', () => {
    const notch = toShape([
      [0, 0],
      [10, 0],
      [10, 10],
      [5, 0.5],
      [0, 10],
    ]);
    expect(intersectionArea(notch, toShape(box(4, 4, 2, 6)))).toBeCloseTo(0, 2);
  });

  test('a self-crossing polygon and one without area', () => {
    const bow = toShape([
      [0, 0],
      [10, 10],
      [10, 0],
      [0, 10],
    ]);
    expect(bow.area).toBeCloseTo(50, 3);
    const line = toShape([
      [0, 0],
      [10, 0],
      [5, 0],
    ]);
    expect(line.area).toBe(0);
    expect(intersectionOverUnion(line, line)).toBe(0);
  });

  test('spikes along an edge have no area, and an end', () => {
    const spikes: Point[] = [
      [0, 0],
      [2, 0],
      [0, 0],
      [58, 0],
      [42, 41],
      [63, 6],
      [26, 0],
    ];
    // Two triangles that meet where the edges cross, at (56.096, 4.880).
    expect(toShape(spikes).area).toBeCloseTo(78.085 + 132.587, 2);
  });
});

describe('one image', () => {
  test('a perfect detection', () => {
    const counts = matchImage([care(box(0, 0, 100, 20))], [box(0, 0, 100, 20)]);
    expect(counts).toMatchObject({ matched: 1, labels: 1, detections: 1, dontCare: 0, leftOut: 0 });
    expect(counts.pairs[0].iou).toBeCloseTo(1, 6);
  });

  test('IoU must be above one half, not equal to it', () => {
    const label = [care(box(0, 0, 100, 20))];
    expect(matchImage(label, [box(0, 0, 50, 20)]).matched).toBe(0);
    expect(matchImage(label, [box(0, 0, 51, 20)]).matched).toBe(1);
  });

  test('one to one: a second detection of the same word is wrong', () => {
    const counts = matchImage([care(box(0, 0, 100, 20))], [box(0, 0, 90, 20), box(0, 0, 100, 20)]);
    expect(counts).toMatchObject({ matched: 1, labels: 1, detections: 2 });
    expect(counts.pairs).toMatchObject([{ label: 0, detection: 0 }]);
  });

  test('one to one: a detection serves a single label', () => {
    const labels = [care(box(0, 0, 100, 20)), care(box(1, 0, 100, 20))];
    expect(matchImage(labels, [box(0, 0, 100, 20)])).toMatchObject({ matched: 1, labels: 2, detections: 1 });
  });

  test('a line that covers two words matches neither', () => {
    const labels = [care(box(0, 0, 40, 20)), care(box(50, 0, 40, 20))];
    expect(matchImage(labels, [box(0, 0, 90, 20)])).toMatchObject({ matched: 0, labels: 2, detections: 1 });
  });

  test('a detection more than half inside a don’t-care label is left out', () => {
    const labels = [dontCare(box(0, 0, 100, 20)), care(box(200, 0, 50, 20))];
    const counts = matchImage(labels, [box(60, 0, 70, 20), box(200, 0, 50, 20)]);
    expect(counts).toMatchObject({ matched: 1, labels: 1, detections: 1, dontCare: 1, leftOut: 1 });
    expect(counts.pairs).toMatchObject([{ label: 1, detection: 1 }]);
  });

  test('exactly half inside counts as a detection', () => {
    expect(matchImage([dontCare(box(0, 0, 100, 20))], [box(60, 0, 80, 20)])).toMatchObject({
      detections: 1,
      leftOut: 0,
    });
  });

  test('halves in two don’t-care labels do not add up', () => {
    const labels = [dontCare(box(0, 0, 40, 20)), dontCare(box(60, 0, 40, 20))];
    expect(matchImage(labels, [box(0, 0, 100, 20)])).toMatchObject({ detections: 1, leftOut: 0 });
  });

  test('a don’t-care label is never matched', () => {
    expect(matchImage([dontCare(box(0, 0, 10, 10))], [])).toMatchObject({ labels: 0, matched: 0 });
  });
});

describe('rates', () => {
  test('of a data set come from sums, not from means', () => {
    const total = sumCounts([
      { matched: 1, labels: 1, detections: 1 },
      { matched: 0, labels: 9, detections: 3 },
    ]);
    expect(total).toEqual({ matched: 1, labels: 10, detections: 4 });
    expect(rates(total)).toEqual({ precision: 0.25, recall: 0.1, f: (2 * 0.25 * 0.1) / 0.35 });
  });

  test('of empty sets', () => {
    expect(rates({ matched: 0, labels: 0, detections: 0 })).toEqual({ precision: 1, recall: 1, f: 1 });
    expect(rates({ matched: 0, labels: 0, detections: 2 })).toEqual({ precision: 0, recall: 1, f: 0 });
    expect(rates({ matched: 0, labels: 2, detections: 0 })).toEqual({ precision: 0, recall: 0, f: 0 });
  });
});
