import { describe, expect, it } from 'vitest';
import { perimeter } from '../../src/geometry/polygon.ts';
import { findContours } from '../../src/postprocess/contours.ts';
import { convexHull, growRect, minAreaRect, orderQuad } from '../../src/postprocess/min-area-rect.ts';
import { simplifyClosed } from '../../src/postprocess/simplify.ts';
import type { Point } from '../../src/postprocess/types.ts';
import { contourAt, pairText, parsePairs, randomMask } from '../helpers/masks.ts';
import { seededRandom } from '../helpers/random.ts';

/** A rounded shape whose outline OpenCV 5.0 has simplified below. */
const BLOB = parsePairs(
  '40,12 39,14 37,15 35,17 33,18 31,19 31,20 30,21 28,22 24,22 20,22 16,22 12,22 10,21 9,20 9,19 7,18 5,17 3,15 ' +
    '1,14 0,12 1,10 3,9 5,7 7,6 9,5 9,4 10,3 12,2 16,2 20,2 24,2 28,2 30,3 31,4 31,5 33,6 35,7 37,9 39,10',
);

function randomPoints(random: () => number, n: number, whole: boolean): Int32Array | Float64Array {
  const values = Array.from({ length: 2 * n }, () => random() * 60 - 10);
  return whole ? Int32Array.from(values) : Float64Array.from(values);
}

const closeTo = (points: readonly Point[]) =>
  points.map(([x, y]) => [expect.closeTo(x, 4), expect.closeTo(y, 4)]);

describe('convexHull', () => {
  it('is clockwise on the screen and leaves out points on its edges', () => {
    expect(pairText(convexHull(parsePairs('0,0 0,3 4,3 4,0 2,0 2,1 0,1 3,3')))).toBe('0,0 4,0 4,3 0,3');
  });

  it.each(['5,7', '5,7 5,7 5,7', '1,1 3,3', '1,1 3,3 2,2 1,1', '7,2 3,2 5,2'])(
    'has no area for %s',
    (text) => {
      const hull = convexHull(parsePairs(text));
      expect(hull.length).toBe(new Set(text.split(' ')).size > 1 ? 4 : 2);
      expect(convexHull(Float64Array.from(parsePairs(text)))).toEqual(hull);
    },
  );

  it('has all points on one side of every edge', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 60; round++) {
      const points = randomPoints(random, 3 + round, round % 2 === 0);
      const hull = convexHull(points);
      for (let i = 0; i < hull.length; i += 2) {
        const [ax, ay] = [hull[i], hull[i + 1]];
        const [bx, by] = [hull[(i + 2) % hull.length], hull[(i + 3) % hull.length]];
        for (let k = 0; k < points.length; k += 2) {
          expect((bx - ax) * (points[k + 1] - ay) - (by - ay) * (points[k] - ax)).toBeGreaterThan(-1e-9);
        }
      }
    }
  });

  it('takes whole points far apart without a row for each', () => {
    expect(pairText(convexHull(parsePairs('0,0 5,2000000000 -5,1000000000')))).toBe(
      '0,0 5,2000000000 -5,1000000000',
    );
  });

  it('refuses no points', () => {
    expect(() => convexHull(new Int32Array(0))).toThrow(/at least one point/);
  });
});

describe('minAreaRect', () => {
  it.each([
    // From OpenCV 5.0. In the third case and the last two, rectangles of other directions are equally small.
    ['0,0 10,0 10,4 0,4', [10, 4], '0,0 10,0 10,4 0,4'],
    ['0,2 2,0 8,6 6,8', [8.48528, 2.82843], '2,0 8,6 6,8 0,2'],
    ['1,0 2,0 3,1 3,2 2,3 1,3 0,2 0,1', [2.82843, 2.82843], '1.5,-0.5 3.5,1.5 1.5,3.5 -0.5,1.5'],
    [
      '3,1 9,3 12,8 5,10 1,6',
      [10.95602, 7.9849],
      '3.13793,0.65517 13.31034,4.72414 10.34483,12.13793 0.17241,8.06896',
    ],
    [
      '99,114 98,115 99,116 99,117 100,117 101,118 103,118 103,116 101,114',
      [5, 4],
      '98,114 103,114 103,118 98,118',
    ],
    ['7,24 7,26 8,26 7,25', [2.23607, 0.89443], '7,24 8,26 7.2,26.4 6.2,24.4'],
  ])('of %s', (text, size, corners) => {
    const rect = minAreaRect(parsePairs(text));
    const expected = corners.split(' ').map((pair) => pair.split(',').map(Number) as Point);
    expect(rect.corners).toEqual(closeTo(expected));
    expect([rect.width, rect.height].sort((a, b) => b - a)).toEqual(
      size.map((side) => expect.closeTo(side, 4)),
    );
  });

  it('keeps whole corners whole, so that they are not cut to the pixel before', () => {
    expect(minAreaRect(parsePairs('0,2 2,0 8,6 6,8')).corners.flat()).toEqual([2, 0, 8, 6, 6, 8, 0, 2]);
  });

  it.each([
    ['7,3', [7, 3], 0, 0],
    ['7,3 7,3', [7, 3], 0, 0],
    ['1,1 4,5', [2.5, 3], 5, Math.atan2(4, 3)],
    ['4,5 1,1 4,5', [2.5, 3], 5, Math.atan2(4, 3)],
    ['4,2 1,2 3,2', [2.5, 2], 3, 0],
    ['5,1 5,9 5,4', [5, 5], 8, 0],
  ])('is without area for %s', (text, center, length, angle) => {
    const rect = minAreaRect(parsePairs(text));
    expect(rect.center).toEqual(center);
    expect([Math.min(rect.width, rect.height), Math.max(rect.width, rect.height)]).toEqual([0, length]);
    expect(rect.angle).toBeCloseTo(angle, 12);
  });

  it('contains all points and is as small as the best of a search over all angles', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 80; round++) {
      const points = randomPoints(random, 3 + (round % 20), round % 2 === 0);
      const { center, width, height, angle } = minAreaRect(points);
      const box = boundsAt(points, angle);
      expect(box.width).toBeCloseTo(width, 6);
      expect(box.height).toBeCloseTo(height, 6);
      expect(box.center).toEqual([expect.closeTo(center[0], 6), expect.closeTo(center[1], 6)]);
      let least = Number.POSITIVE_INFINITY;
      for (let step = 0; step < 9000; step++) {
        const turned = boundsAt(points, (step / 9000) * (Math.PI / 2));
        least = Math.min(least, turned.width * turned.height);
      }
      // The search may miss the best angle by a little; the calipers may not.
      expect(width * height).toBeLessThanOrEqual(least * (1 + 1e-6) + 1e-9);
      expect(width * height).toBeGreaterThan(least * 0.97 - 1);
    }
  });

  it('is as small as the best rectangle along an edge of the hull', () => {
    const random = seededRandom(12);
    for (let round = 0; round < 200; round++) {
      const points = randomPoints(random, 3 + (round % 30), round % 2 === 0);
      const hull = convexHull(points);
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i < hull.length; i += 2) {
        const j = (i + 2) % hull.length;
        const box = boundsAt(points, Math.atan2(hull[j + 1] - hull[i + 1], hull[j] - hull[i]));
        least = Math.min(least, box.width * box.height);
      }
      const { width, height } = minAreaRect(points);
      expect(Math.abs(width * height - least)).toBeLessThanOrEqual(1e-5 * least);
    }
  });
});

describe('growRect', () => {
  it('moves every side outwards', () => {
    const rect = minAreaRect(parsePairs('0,0 40,30 34,38 -6,8'));
    const grown = growRect(rect, 2);
    expect(grown.width).toBeCloseTo(rect.width + 4, 12);
    expect(grown.height).toBeCloseTo(rect.height + 4, 12);
    // The sides have the directions (0.8, 0.6) and (-0.6, 0.8).
    expect(grown.corners).toEqual(
      closeTo([
        [-0.4, -2.8],
        [42.8, 29.6],
        [34.4, 40.8],
        [-8.8, 8.4],
      ]),
    );
  });
});

describe('orderQuad', () => {
  it('begins top-left and goes round clockwise, whatever comes first', () => {
    const quad: Point[] = [
      [2, 1],
      [9, 3],
      [8, 7],
      [1, 5],
    ];
    for (let k = 0; k < 4; k++) {
      const turned = [...quad.slice(k), ...quad.slice(0, k)];
      expect(orderQuad(turned)).toEqual(quad);
      expect(orderQuad(turned.toReversed())).toEqual(quad);
    }
  });

  it('takes corners with the same x from top to bottom', () => {
    const quad: Point[] = [
      [0, 0],
      [5, 0],
      [5, 2],
      [0, 2],
    ];
    expect(orderQuad(quad.toReversed())).toEqual(quad);
    const diamond: Point[] = [
      [2, 0],
      [4, 2],
      [2, 4],
      [0, 2],
    ];
    expect(orderQuad(diamond)).toEqual(diamond);
  });
});

describe('simplifyClosed', () => {
  it.each([
    // From OpenCV 5.0 (approxPolyDP).
    [0.5, '40,12 39,14 31,19 31,20 28,22 12,22 10,21 9,19 1,14 0,12 1,10 9,5 9,4 12,2 28,2 30,3 31,5 39,10'],
    [1, '40,12 28,22 12,22 0,12 12,2 28,2'],
    [4, '40,12 28,22 12,22 0,12 12,2 28,2'],
    [30, '40,12 0,12'],
  ])('with epsilon %d gives what OpenCV gives', (epsilon, expected) => {
    expect(pairText(simplifyClosed(BLOB, epsilon))).toBe(expected);
  });

  it.each([
    // From OpenCV 5.0. The first two differ if the distance is taken to the line instead of the segment, the
    // third if the clean-up does not spare horizontal and vertical neighbours.
    ['1,10 2,7 1,12 10,0', 2, '1,12 10,0 1,10 2,7'],
    ['2,10 3,13 3,6 12,10', 3, '2,10 3,13 3,6 12,10'],
    ['11,12 7,9 13,9 1,12 7,13', 2, '13,9 1,12 7,13 11,12 7,9'],
    ['0,0 10,0 14,1 10,2 0,2', 1.5, '0,2 0,0 14,1'],
  ])('of %s with epsilon %d gives what OpenCV gives', (text, epsilon, expected) => {
    expect(pairText(simplifyClosed(parsePairs(text), epsilon))).toBe(expected);
  });

  it.each([
    ['3,4', 0, '3,4'],
    ['3,4', 2, '3,4'],
    ['3,4 8,4', 0, '3,4 8,4'],
    ['3,4 8,4', 9, '3,4'],
    ['0,0 5,0 9,0 5,0', 0.5, '0,0 9,0'],
    ['0,0 0,2 2,2 2,0', 10, '0,0'],
  ])('of %s with epsilon %d is %s', (text, epsilon, expected) => {
    expect(pairText(simplifyClosed(parsePairs(text), epsilon))).toBe(expected);
  });

  it('keeps points of the curve, in order, and stays within the tolerance', () => {
    const random = seededRandom(21);
    for (let round = 0; round < 40; round++) {
      const { mask, width, height } = randomMask(random, 24, 20, 0.35 + 0.01 * round);
      const contours = findContours(mask, width, height);
      for (let i = 0; i < contours.count; i++) {
        const contour = contourAt(contours, i);
        for (const epsilon of [0, 0.6, 1.5, 4]) {
          const simple = simplifyClosed(contour, epsilon);
          const indices = indicesOf(simple, contour);
          // Once round: the indices rise but for one place.
          const descents = indices.filter((index, k) => index < indices.at(k - 1)!).length;
          expect(descents).toBeLessThanOrEqual(1);
          expect(farthestFrom(simple, contour)).toBeLessThanOrEqual(epsilon * (1 + Math.SQRT1_2) + 1e-9);
        }
      }
    }
  });

  it('is done with a curve of many points without deep recursion', () => {
    const n = 60_000;
    // A comb, each tooth of which stays.
    const comb = Int32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? i / 2 : Math.floor(i / 2) % 2));
    expect(simplifyClosed(comb, 0.002 * perimeter(comb)).length).toBe(4);
  });

  it('refuses an epsilon that is no distance', () => {
    for (const epsilon of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      expect(() => simplifyClosed(BLOB, epsilon)).toThrow(/epsilon: expected a finite number of at least 0/);
    }
  });
});

describe('perimeter', () => {
  it('closes the curve', () => {
    expect(perimeter(parsePairs('0,0 3,4 3,0'))).toBe(12);
    expect(perimeter(parsePairs('5,5'))).toBe(0);
    expect(perimeter(parsePairs('0,0 3,4'))).toBe(10);
  });
});

/** Bounding box along a direction, from its definition. */
function boundsAt(points: Int32Array | Float64Array, angle: number) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const along: number[] = [];
  const across: number[] = [];
  for (let i = 0; i < points.length; i += 2) {
    along.push(points[i] * c + points[i + 1] * s);
    across.push(points[i + 1] * c - points[i] * s);
  }
  const [u0, u1, v0, v1] = [Math.min(...along), Math.max(...along), Math.min(...across), Math.max(...across)];
  const [u, v] = [(u0 + u1) / 2, (v0 + v1) / 2];
  return { width: u1 - u0, height: v1 - v0, center: [u * c - v * s, u * s + v * c] };
}

/** For each kept point the index of a point of the curve, as early as the order allows. */
function indicesOf(simple: Int32Array, contour: Int32Array): number[] {
  const n = contour.length / 2;
  const same = (k: number, i: number) =>
    contour[2 * i] === simple[2 * k] && contour[2 * i + 1] === simple[2 * k + 1];
  for (let start = 0; start < n; start++) {
    if (!same(0, start)) continue;
    const indices = [start];
    for (let step = 1; step < n && indices.length < simple.length / 2; step++) {
      if (same(indices.length, (start + step) % n)) indices.push((start + step) % n);
    }
    if (indices.length === simple.length / 2) return indices;
  }
  throw new Error('not points of the curve in its order');
}

/** Distance of the point of the curve that is farthest from the simplified one. */
function farthestFrom(simple: Int32Array, contour: Int32Array): number {
  let farthest = 0;
  for (let i = 0; i < contour.length; i += 2) {
    let nearest = Number.POSITIVE_INFINITY;
    for (let k = 0; k < simple.length; k += 2) {
      const j = (k + 2) % simple.length;
      const [dx, dy] = [simple[j] - simple[k], simple[j + 1] - simple[k + 1]];
      const [px, py] = [contour[i] - simple[k], contour[i + 1] - simple[k + 1]];
      const t = Math.min(1, Math.max(0, (px * dx + py * dy) / (dx * dx + dy * dy || 1)));
      nearest = Math.min(nearest, Math.hypot(px - t * dx, py - t * dy));
    }
    farthest = Math.max(farthest, nearest);
  }
  return farthest;
}
