import { describe, expect, it } from 'vitest';
import { perimeter, signedArea } from '../../src/geometry/polygon.ts';
import { minAreaRect } from '../../src/postprocess/min-area-rect.ts';
import { unclip, unclipRect } from '../../src/postprocess/unclip.ts';
import { seededRandom } from '../helpers/random.ts';

const reversed = (points: Float64Array) =>
  Float64Array.from(points, (_, i) => points[points.length - 2 - i + 2 * (i % 2)]);

/** A convex polygon: points of an ellipse, turned. */
function convexPolygon(random: () => number): Float64Array {
  const corners = 3 + Math.floor(random() * 8);
  const [a, b, turn] = [5 + 60 * random(), 5 + 20 * random(), Math.PI * random()];
  const points: number[] = [];
  for (let i = 0; i < corners; i++) {
    const t = (2 * Math.PI * (i + 0.4 * random())) / corners;
    const [x, y] = [a * Math.cos(t), b * Math.sin(t)];
    points.push(100 + x * Math.cos(turn) - y * Math.sin(turn), 100 + x * Math.sin(turn) + y * Math.cos(turn));
  }
  return Float64Array.from(points);
}

/** Distance from a point to the nearest edge of a polygon. */
function distanceTo(points: Float64Array, x: number, y: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < points.length; i += 2) {
    const j = (i + 2) % points.length;
    const [dx, dy] = [points[j] - points[i], points[j + 1] - points[i + 1]];
    const [px, py] = [x - points[i], y - points[i + 1]];
    const t = Math.min(1, Math.max(0, (px * dx + py * dy) / (dx * dx + dy * dy)));
    nearest = Math.min(nearest, Math.hypot(px - t * dx, py - t * dy));
  }
  return nearest;
}

describe('unclip', () => {
  it('moves convex polygons out by A * ratio / L: area A + L D + pi D^2, but for the arcs', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 60; round++) {
      const polygon = convexPolygon(random);
      const ratio = 0.2 + 2.5 * random();
      const area = Math.abs(signedArea(polygon));
      const length = perimeter(polygon);
      const distance = (area * ratio) / length;
      const offset = unclip(polygon, ratio);
      const exact = area + length * distance + Math.PI * distance ** 2;
      const arcs = Math.PI * (distance ** 2 - (distance - Math.min(0.25, distance / 4)) ** 2);
      expect(signedArea(offset)).toBeLessThan(exact + 0.01 * length);
      expect(signedArea(offset)).toBeGreaterThan(exact - arcs - 0.01 * length);
      for (let i = 0; i < offset.length; i += 2) {
        expect(Math.abs(distanceTo(polygon, offset[i], offset[i + 1]) - distance)).toBeLessThan(1 / 128);
      }
    }
  });

  it('is not cut to whole pixels', () => {
    const offset = unclip(Float64Array.of(0.25, 0.5, 20.25, 0.5, 20.25, 8.5, 0.25, 8.5), 1.5);
    const distance = (160 * 1.5) / 56;
    expect(Math.min(...offset.filter((_, i) => i % 2 === 0))).toBeCloseTo(0.25 - distance, 2);
    expect(Math.max(...offset.filter((_, i) => i % 2 === 1))).toBeCloseTo(8.5 + distance, 2);
  });

  it('does not depend on the orientation, and is clockwise on the screen', () => {
    const random = seededRandom(8);
    for (let round = 0; round < 20; round++) {
      const polygon = convexPolygon(random);
      const areas = [unclip(polygon, 2), unclip(reversed(polygon), 2)].map(signedArea);
      expect(areas[0]).toBeGreaterThan(0);
      expect(Math.abs(areas[1] / areas[0] - 1)).toBeLessThan(0.01);
    }
  });

  it('joins the arms of a concave polygon and fills the hole between them', () => {
    // A C whose mouth is closed by the offset.
    const c = Int32Array.of(
      0,
      0,
      40,
      0,
      40,
      14,
      30,
      14,
      30,
      10,
      10,
      10,
      10,
      30,
      30,
      30,
      30,
      16,
      40,
      16,
      40,
      40,
      0,
      40,
    );
    const offset = unclip(c, 0.5);
    const rect = minAreaRect(offset);
    expect(signedArea(offset)).toBeGreaterThan(0.9 * rect.width * rect.height);
  });

  it('keeps the largest part where a polygon falls apart', () => {
    // A ribbon that is twisted twice: the middle has the other orientation and vanishes, the ends are apart.
    const ends = (left: number, right: number) => {
      const [a, b, c] = [left, left + 40, left + 40 + right];
      const upper = [0, 0, a, 0, a + 10, 20, b - 10, 20, b, 0, c, 0];
      return Int32Array.of(...upper, c, 20, b, 20, b - 10, 0, a + 10, 0, a, 20, 0, 20);
    };
    for (const [left, right] of [
      [40, 25],
      [25, 40],
    ]) {
      const xs = unclip(ends(left, right), 0.5).filter((_, i) => i % 2 === 0);
      const width = Math.max(...xs) - Math.min(...xs);
      expect(width).toBeGreaterThan(40);
      expect(width).toBeLessThan(50);
      expect(Math.min(...xs) < 0).toBe(left > right);
    }
  });

  it('returns the polygon for ratio 0 and nothing where there is no area', () => {
    const square = Int32Array.of(1, 1, 9, 1, 9, 9, 1, 9);
    expect(signedArea(unclip(square, 0))).toBe(64);
    for (const points of [[], [3, 4], [0, 0, 5, 5], [0, 0, 5, 0, 9, 0], [0, 0, 4, 4, 4, 0, 0, 4]]) {
      expect(unclip(Int32Array.from(points), 2).length).toBe(0);
    }
  });

  it('refuses a ratio that is none', () => {
    const square = Int32Array.of(1, 1, 9, 1, 9, 9, 1, 9);
    for (const ratio of [Number.NaN, -0.1, Number.POSITIVE_INFINITY]) {
      expect(() => unclip(square, ratio)).toThrow(/ratio: expected a finite number of at least 0/);
    }
  });
});

describe('unclipRect', () => {
  it('is the minimum-area rectangle of the offset polygon', () => {
    const random = seededRandom(9);
    for (let round = 0; round < 100; round++) {
      const rect = minAreaRect(convexPolygon(random));
      const ratio = 3 * random();
      const grown = unclipRect(rect, ratio);
      const offset = minAreaRect(unclip(Float64Array.from(rect.corners.flat()), ratio));
      // Clipper's corners lie on a grid of 1/256 px, which may tilt the rectangle by as much.
      for (const [k, corner] of grown.corners.entries()) {
        const apart = Math.min(...offset.corners.map(([x, y]) => Math.hypot(x - corner[0], y - corner[1])));
        expect(apart, `corner ${k} of round ${round}`).toBeLessThan(0.1);
      }
      expect((offset.width * offset.height) / (grown.width * grown.height)).toBeCloseTo(1, 2);
    }
  });

  it('leaves a rectangle without area as it is', () => {
    const rect = minAreaRect(Int32Array.of(0, 0, 5, 5));
    expect(unclipRect(rect, 1.5)).toBe(rect);
    const point = minAreaRect(Int32Array.of(3, 3));
    expect(unclipRect(point, 1.5)).toBe(point);
  });
});
