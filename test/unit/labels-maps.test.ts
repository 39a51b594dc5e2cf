/** @file Label maps of polygons whose maps are known, and of polygons that are hardly any. */

import { describe, expect, it } from 'vitest';
import { type LabelMaps, type LabelPolygon, labelMaps, type Point } from '../../src/labels/index.ts';
import { seededRandom } from '../helpers/random.ts';

const SIZE = { width: 120, height: 90 };

const polygon = (...flat: number[]): LabelPolygon => ({
  points: Array.from({ length: flat.length / 2 }, (_, i): Point => [flat[2 * i], flat[2 * i + 1]]),
});
const box = (left: number, top: number, right: number, bottom: number) =>
  polygon(left, top, right, top, right, bottom, left, bottom);
const reversed = ({ points }: LabelPolygon): LabelPolygon => ({ points: points.toReversed() });

/** Pixels of a map with a value. */
const count = (map: Float32Array, value: number) => map.filter((v) => v === value).length;
/** The value of a map at a pixel. */
const at = (
  maps: LabelMaps,
  name: keyof LabelMaps & `${'probability' | 'threshold'}${'' | 'Mask'}`,
  x: number,
  y: number,
) => maps[name][y * maps.width + x];
/** Whether the polygon left no trace but in the probability mask. */
const hasNoText = ({ probability, threshold, thresholdMask }: LabelMaps) =>
  count(probability, 0) === probability.length &&
  count(thresholdMask, 0) === probability.length &&
  count(threshold, Math.fround(0.3)) === probability.length;

describe('a rectangle', () => {
  // A = 40 x 20, L = 120, D = 800 * 0.84 / 120 = 5.6.
  const maps = labelMaps([box(30, 30, 70, 50)], SIZE);

  it('is text where it is shrunk by D = A (1 - r^2) / L', () => {
    // From 35.6 to 64.4 and from 35.6 to 44.4, corners rounded.
    expect(count(maps.probability, 1)).toBe((64 - 36 + 1) * (44 - 36 + 1));
    expect(at(maps, 'probability', 36, 36)).toBe(1);
    expect(at(maps, 'probability', 64, 44)).toBe(1);
    expect(count(maps.probabilityMask, 1)).toBe(maps.probability.length);
    expect(maps.ignored).toEqual([]);
  });

  it('has a threshold of 0.7 on its border, falling to 0.3 at the distance D on both sides', () => {
    for (const [x, expected] of [
      [30, 0.7],
      [33, 0.7 - (0.4 * 3) / 5.6],
      [27, 0.7 - (0.4 * 3) / 5.6],
      [24, 0.3],
      [40, 0.3],
    ]) {
      expect(at(maps, 'threshold', x, 40)).toBeCloseTo(expected, 6);
    }
    expect(at(maps, 'threshold', 27, 27)).toBeCloseTo(0.7 - (0.4 * Math.sqrt(18)) / 5.6, 6);
  });

  it('is dilated with round corners for the mask of the threshold', () => {
    expect(at(maps, 'thresholdMask', 24, 40)).toBe(1);
    expect(at(maps, 'thresholdMask', 23, 40)).toBe(0);
    expect(at(maps, 'thresholdMask', 50, 40)).toBe(1);
    expect(at(maps, 'thresholdMask', 25, 25)).toBe(0);
    // A fill has area + perimeter / 2 + 1 pixels, since those of its border count (G. Pick).
    const area = 40 * 20 + 120 * 5.6 + Math.PI * 5.6 ** 2;
    const length = 120 + 2 * Math.PI * 5.6;
    expect(Math.abs(count(maps.thresholdMask, 1) / (area + length / 2 + 1) - 1)).toBeLessThan(0.03);
  });

  it('is the same in the other orientation', () => {
    const other = labelMaps([reversed(box(30, 30, 70, 50))], SIZE);
    expect(other).toEqual(maps);
  });

  it('follows the options', () => {
    const options = { shrinkRatio: 0.8, thresholdMin: 0.1, thresholdMax: 0.9 };
    const other = labelMaps([box(30, 30, 70, 50)], SIZE, options);
    const distance = (800 * 0.36) / 120;
    expect(count(other.probability, 1)).toBe((68 - 32 + 1) * (48 - 32 + 1));
    expect(at(other, 'threshold', 30, 40)).toBeCloseTo(0.9, 6);
    expect(at(other, 'threshold', 31, 40)).toBeCloseTo(0.9 - 0.8 / distance, 6);
    expect(at(other, 'threshold', 5, 5)).toBe(Math.fround(0.1));
  });
});

describe('the threshold of random polygons', () => {
  it.each(['authors', 'segment'] as const)('is the maximum over all polygons, distance %s', (distance) => {
    const random = seededRandom(11);
    const small = { width: 60, height: 50 };
    for (let round = 0; round < 25; round++) {
      const polygons = [starPolygon(random, 25, 25), starPolygon(random, 38, 28)];
      const { threshold } = labelMaps(polygons, small, { distance, minimumSize: 0 });
      const reaches = polygons.map(({ points }) => (areaOf(points) * 0.84) / lengthOf(points));
      for (let i = 0; i < threshold.length; i++) {
        const pixel: Point = [i % small.width, Math.floor(i / small.width)];
        const heights = polygons.map(({ points }, k) => 1 - distanceTo(points, pixel, distance) / reaches[k]);
        const expected = 0.3 + 0.4 * Math.max(0, ...heights);
        expect(Math.abs(threshold[i] - expected), `round ${round}, pixel ${pixel}`).toBeLessThan(1e-6);
      }
    }
  });

  it('differs between the two distances beside the ends of long edges', () => {
    const long = [box(10, 30, 110, 60)];
    const [authors, segment] = (['authors', 'segment'] as const).map((distance) =>
      labelMaps(long, SIZE, { distance }),
    );
    // From (2, 40) the left edge is seen at an obtuse angle, from (1, 32) at an acute one.
    expect(at(authors, 'threshold', 2, 40)).toBe(at(segment, 'threshold', 2, 40));
    const reach = (3000 * 0.84) / 260;
    expect(at(segment, 'threshold', 1, 32)).toBeCloseTo(0.7 - (0.4 * 9) / reach, 6);
    expect(at(authors, 'threshold', 1, 32)).toBeCloseTo(0.7 - (0.4 * Math.hypot(9, 2)) / reach, 6);
    for (let i = 0; i < authors.threshold.length; i++) {
      expect(authors.threshold[i]).toBeLessThanOrEqual(segment.threshold[i]);
    }
    expect(authors.probability).toEqual(segment.probability);
  });
});

describe('concave and curved polygons', () => {
  it('fills all parts where the shrunk polygon splits', () => {
    // Two squares of 30 px, joined by a bar of 4 px.
    const dumbbell = polygon(
      5,
      5,
      35,
      5,
      35,
      18,
      65,
      18,
      65,
      5,
      95,
      5,
      95,
      35,
      65,
      35,
      65,
      22,
      35,
      22,
      35,
      35,
      5,
      35,
    );
    const maps = labelMaps([dumbbell], SIZE);
    expect(at(maps, 'probability', 20, 20)).toBe(1);
    expect(at(maps, 'probability', 80, 20)).toBe(1);
    expect(at(maps, 'probability', 50, 20)).toBe(0);
    expect(at(maps, 'probabilityMask', 50, 20)).toBe(1);
    expect(at(maps, 'thresholdMask', 50, 20)).toBe(1);
    expect(maps.ignored).toEqual([]);
  });

  it('follows a curved line of text', () => {
    const arc = ring(60, 70, 50, 34, 0.5);
    const maps = labelMaps([arc], SIZE);
    expect(at(maps, 'probability', 60, 70 - 42)).toBe(1);
    expect(at(maps, 'probability', 60 + 30, 70 - 30)).toBe(1);
    expect(at(maps, 'probability', 60, 70 - 20)).toBe(0);
    expect(at(maps, 'thresholdMask', 60, 70 - 15)).toBe(0);
    expect(at(maps, 'threshold', 60, 70 - 50)).toBeGreaterThan(0.6);
  });

  it.each(['authors', 'exact'] as const)('leaves the hole of a closed ring free, clipping %s', (clipping) => {
    const maps = labelMaps([ring(60, 45, 40, 24, 1)], SIZE, { clipping });
    expect(at(maps, 'probability', 60, 45)).toBe(0);
    expect(at(maps, 'thresholdMask', 60, 45)).toBe(0);
    expect(at(maps, 'probability', 60, 45 - 32)).toBe(1);
    // The ring is closed here.
    expect(at(maps, 'probability', 60, 45 + 32)).toBe(1);
    expect(at(maps, 'threshold', 60, 45 + 32)).toBeLessThan(0.4);
    const ignored = labelMaps([{ ...ring(60, 45, 40, 24, 1), ignore: true }], SIZE);
    expect(at(ignored, 'probabilityMask', 60, 45)).toBe(1);
    expect(at(ignored, 'probabilityMask', 60, 13)).toBe(0);
  });
});

describe('polygons that cross themselves', () => {
  it('count with both wings of a bow tie, each as a polygon of its own', () => {
    const maps = labelMaps([polygon(10, 10, 90, 70, 90, 10, 10, 70)], SIZE);
    const wings = labelMaps([polygon(10, 10, 50, 40, 10, 70), polygon(90, 10, 90, 70, 50, 40)], SIZE);
    expect(count(maps.probability, 1)).toBeGreaterThan(100);
    expect(maps).toEqual(wings);
  });

  it('count an overlap once', () => {
    // A band wound around twice.
    const twice = { points: [...box(20, 20, 90, 60).points, ...box(20, 20, 90, 60).points] };
    expect(labelMaps([twice], SIZE)).toEqual(labelMaps([box(20, 20, 90, 60)], SIZE));
  });
});

describe('polygons that nobody drew', () => {
  it('of which Clipper2 would not find an end', () => {
    const spikes = polygon(-1, -4, 2, -1, -1, -4, 58, -6, 42, 41, 80, 6, 26, -1);
    for (const clipping of ['authors', 'exact'] as const) {
      const maps = labelMaps([spikes], { width: 64, height: 48 }, { clipping });
      expect(at(maps, 'probability', 55, 14)).toBe(1);
      expect(maps.ignored).toEqual([]);
    }
  });

  it('give maps that fit each other', () => {
    const random = seededRandom(12);
    const size = { width: 40, height: 30 };
    for (let round = 0; round < 300; round++) {
      const whole = random() < 0.5;
      const coordinate = (side: number) => {
        const value = (1.6 * random() - 0.3) * side;
        return whole ? Math.round(value) : value;
      };
      const points = Array.from(
        { length: 3 + Math.floor(9 * random()) },
        (): Point => [coordinate(size.width), coordinate(size.height)],
      );
      // Points given twice, and spikes.
      if (random() < 0.3) points.push(points[0], points[1]);
      if (random() < 0.3) points.splice(2, 0, points[0]);
      const clipping = round % 2 === 0 ? 'authors' : 'exact';
      const maps = labelMaps([{ points }], size, { clipping, minimumSize: 2 });
      const { probability, probabilityMask, threshold, thresholdMask, ignored } = maps;
      const message = `round ${round}: ${JSON.stringify(points)}`;
      for (let i = 0; i < probability.length; i++) {
        const isText = probability[i] === 1;
        const near = [0, -1, 1, -size.width, size.width].some((step) => thresholdMask[i + step] === 1);
        if (isText && !near) expect.fail(`text outside of the threshold mask, ${message}`);
        if (threshold[i] < Math.fround(0.3) || threshold[i] > Math.fround(0.7)) expect.fail(message);
      }
      const hasText = count(probability, 1) > 0;
      const reason = ignored[0]?.reason;
      expect(hasText, message).toBe(reason === undefined);
      if (reason === 'size') expect(count(probabilityMask, 0), message).toBeGreaterThan(0);
      if (reason === 'outside') expect(count(probabilityMask, 0), message).toBe(0);
    }
  });
});

describe('polygons that reach outside', () => {
  it('are cut off at the border with clipping: exact', () => {
    const slanted = polygon(80, 30, 160, 50, 160, 80, 80, 60);
    const exact = labelMaps([slanted], SIZE, { clipping: 'exact' });
    const cut = labelMaps([polygon(80, 30, 119, 39.75, 119, 69.75, 80, 60)], SIZE);
    expect(exact).toEqual(cut);
  });

  it('have their corners moved to the nearest pixel with clipping: authors', () => {
    const slanted = polygon(80, 30, 160, 50, 160, 80, 80, 60);
    const moved = labelMaps([polygon(80, 30, 119, 50, 119, 80, 80, 60)], SIZE);
    expect(labelMaps([slanted], SIZE)).toEqual(moved);
  });

  it('may fall apart there: each part counts by itself', () => {
    // A U whose bottom is below the image: a wide arm, and one that is narrower than the minimum.
    const u = polygon(10, 50, 40, 50, 40, 100, 80, 100, 80, 50, 85, 50, 85, 130, 10, 130);
    const maps = labelMaps([u], SIZE, { clipping: 'exact' });
    expect(at(maps, 'probability', 25, 70)).toBe(1);
    expect(at(maps, 'probabilityMask', 25, 70)).toBe(1);
    expect(at(maps, 'probability', 82, 70)).toBe(0);
    expect(at(maps, 'probabilityMask', 82, 70)).toBe(0);
    expect(at(maps, 'probabilityMask', 60, 89)).toBe(1);
    expect(maps.ignored).toEqual([]);
  });

  it.each(['authors', 'exact'] as const)('leave no trace where they lie outside, clipping %s', (clipping) => {
    const away = [box(-50, 10, -5, 40), box(130, 10, 170, 40), box(10, -60, 50, -1), box(10, 90, 50, 120)];
    const maps = labelMaps([...away, { ...away[0], ignore: true }], SIZE, { clipping });
    expect(hasNoText(maps)).toBe(true);
    expect(count(maps.probabilityMask, 1)).toBe(maps.probability.length);
    const outside = [0, 1, 2, 3].map((index) => ({ index, reason: 'outside' }));
    expect(maps.ignored).toEqual([...outside, { index: 4, reason: 'ignore' }]);
  });

  it('is exact to coordinates of 1e7', () => {
    const huge = labelMaps([box(-1e7, -1e7, 1e7, 1e7)], SIZE, { clipping: 'exact' });
    expect(huge).toEqual(labelMaps([box(0, 0, 119, 89)], SIZE));
    const half = labelMaps([polygon(-1e7, -1e7, 1e7, 1e7, -1e7, 1e7)], SIZE, { clipping: 'exact' });
    expect(half).toEqual(labelMaps([polygon(0, 0, 89, 89, 0, 89)], SIZE));
  });

  it('around a corner of the image only: no area, no trace', () => {
    const corner = polygon(-30, 5, 5, -30, -30, -30);
    const maps = labelMaps([corner], SIZE, { clipping: 'exact' });
    expect(maps.ignored).toEqual([{ index: 0, reason: 'area' }]);
    expect(count(maps.probabilityMask, 0)).toBe(0);
  });
});

describe('polygons that are put out of the probability mask', () => {
  it.each([
    ['don’t care', { ...box(20, 20, 60, 40), ignore: true }, {}, 'ignore', 41 * 21],
    ['too narrow', box(20, 20, 60, 27.9), {}, 'size', 41 * 9],
    ['too narrow by the option', box(20, 20, 60, 40), { minimumSize: 21 }, 'size', 41 * 21],
    ['below one square pixel', box(20, 20, 20.9, 21), { minimumSize: 0 }, 'area', 4],
    ['a line', polygon(10, 10, 40, 10, 25, 10), {}, 'area', 31],
    ['a line, ignored', { ...polygon(10, 10, 40, 10, 25, 10), ignore: true }, {}, 'ignore', 31],
    ['a point', polygon(10, 10, 10, 10, 10, 10), {}, 'area', 1],
    ['a hair', box(10.002, 10.0005, 110, 10.0065), { minimumSize: 0, shrinkRatio: 0 }, 'area', 101],
  ] as const)('%s', (_, labelled, options, reason, pixels) => {
    const maps = labelMaps([labelled], SIZE, options);
    expect(hasNoText(maps)).toBe(true);
    expect(count(maps.probabilityMask, 0)).toBe(pixels);
    expect(maps.ignored).toEqual([{ index: 0, reason }]);
  });

  it('nothing is left when it is shrunk', () => {
    // Two steps of the grid of 1/256 px high and 400 px long: D is a step.
    const hair = box(10, 10, 410, 10 + 2 / 256);
    const maps = labelMaps([hair], { width: 420, height: 20 }, { minimumSize: 0, shrinkRatio: 0 });
    expect(maps.ignored).toEqual([{ index: 0, reason: 'shrink' }]);
    expect(count(maps.probabilityMask, 0)).toBe(401);
  });

  it('stay out where text lies below, and leave its threshold', () => {
    const text = box(20, 20, 100, 60);
    const maps = labelMaps([{ ...box(50, 10, 70, 80), ignore: true }, text], SIZE);
    expect(at(maps, 'probability', 60, 40)).toBe(1);
    expect(at(maps, 'probabilityMask', 60, 40)).toBe(0);
    expect(maps.threshold).toEqual(labelMaps([text], SIZE).threshold);
    expect(maps.ignored).toEqual([{ index: 0, reason: 'ignore' }]);
  });
});

describe('the arrays', () => {
  it('without polygons: nothing but background', () => {
    const maps = labelMaps([], SIZE);
    expect(hasNoText(maps)).toBe(true);
    expect(count(maps.probabilityMask, 1)).toBe(120 * 90);
    expect(maps).toMatchObject({ ...SIZE, ignored: [] });
  });

  it('may be views of a batch: every value is written, none beside', () => {
    const length = 120 * 90;
    const batch = new Float32Array(4 * length + 2).fill(7);
    const [probability, probabilityMask, threshold, thresholdMask] = [0, 1, 2, 3].map((i) =>
      batch.subarray(1 + i * length, 1 + (i + 1) * length),
    );
    const into = { probability, probabilityMask, threshold, thresholdMask };
    const polygons = [box(30, 30, 70, 50), { ...box(80, 30, 100, 50), ignore: true }];
    const maps = labelMaps(polygons, SIZE, { into });
    expect(maps.threshold).toBe(threshold);
    expect(maps).toEqual(labelMaps(polygons, SIZE));
    expect([batch[0], batch[4 * length + 1]]).toEqual([7, 7]);
  });

  it('of one pixel', () => {
    for (const clipping of ['authors', 'exact'] as const) {
      const maps = labelMaps([box(-5, -5, 5, 5)], { width: 1, height: 1 }, { clipping });
      expect([...maps.probabilityMask]).toEqual([0]);
      expect(maps.ignored).toEqual([{ index: 0, reason: 'area' }]);
    }
  });
});

describe('refusals', () => {
  const good = [box(10, 10, 50, 30)];
  const refused = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it.each([
    [{ shrinkRatio: 1 }, /shrinkRatio: expected a number from 0 to below 1, found 1\./],
    [{ shrinkRatio: Number.NaN }, /shrinkRatio/],
    [{ thresholdMin: -0.1 }, /thresholdMin: expected a number from 0 to 1, found -0\.1\./],
    [{ thresholdMin: 0.8 }, /thresholdMax: expected a number from thresholdMin \(0\.8\) to 1, found 0\.7\./],
    [{ minimumSize: Number.POSITIVE_INFINITY }, /minimumSize/],
    [{ distance: 'exact' }, /distance: expected 'authors' or 'segment', found the string "exact"\./],
    [{ clipping: 'segment' }, /clipping: expected 'authors' or 'exact'/],
    [{ shrink: 0.4 }, /options: expected none but shrinkRatio, .*, found "shrink"/],
    [{ into: {} }, /into\.probability: expected a Float32Array, found undefined\./],
    [{ into: 5 }, /into: expected an object/],
  ])('option %j', (options, message) => {
    const error = refused(() => labelMaps(good, SIZE, options as object));
    expect(error).toMatchObject({ name: 'DBNetError', code: 'invalid-argument' });
    expect((error as Error).message).toMatch(message);
  });

  it.each([
    [undefined, /polygons: expected an array, found undefined/],
    [[{}], /polygons\[0\]\.points: expected an array of \[x, y\], found undefined/],
    [[...good, { points: [[1, 2]] }], /polygons\[1\]\.points: expected at least 3 points, found 1 point\./],
    [
      [
        {
          points: [
            [1, 2],
            [3, Number.NaN],
            [5, 6],
          ],
        },
      ],
      /polygons\[0\]\.points\[1\]: expected .*found \[3, NaN\]/,
    ],
    [
      [
        {
          points: [
            [1, 2],
            [3, 4],
            [5, 2e7],
          ],
        },
      ],
      /points\[2\]: expected .* between -10000000 and 10000000/,
    ],
    [[{ points: [[1, 2], [3, 4], 5] }], /points\[2\]: expected .*found 5/],
    [[{ ...good[0], ignore: 'yes' }], /polygons\[0\]\.ignore: expected a boolean, found the string "yes"/],
  ])('polygons %#', (polygons, message) => {
    const error = refused(() => labelMaps(polygons as LabelPolygon[], SIZE));
    expect(error).toMatchObject({ name: 'DBNetError', code: 'invalid-argument' });
    expect((error as Error).message).toMatch(message);
  });

  it('outlines without end', () => {
    const random = seededRandom(2);
    const points = Array.from({ length: 3000 }, (): Point => [2000 * random(), 2000 * random()]);
    const error = refused(() => labelMaps([...good, { points }], { width: 2000, height: 2000 }));
    expect(error).toMatchObject({ name: 'DBNetError', code: 'invalid-argument' });
    expect((error as Error).message).toMatch(/^polygons\[1\]\.points: .*crosses itself at most 1000 times/);
    expect(() => labelMaps(good, { width: 65504, height: 65504 })).toThrow(
      /size: expected at most 268435456 pixels, found 65504 x 65504\./,
    );
  });

  it('sizes', () => {
    for (const width of [0, -1, 2.5, Number.NaN, '64']) {
      const size = { width, height: 10 } as typeof SIZE;
      expect(() => labelMaps(good, size)).toThrow(/size\.width: expected a whole number of at least 1/);
    }
    const { ignored: _, width, height, ...into } = labelMaps(good, SIZE);
    expect(() => labelMaps(good, { width, height: height + 1 }, { into })).toThrow(
      /into\.probability: expected height \* width = 10920 values, found 10800\./,
    );
  });
});

/** A band between two radii, 24 points per turn, around the top. */
function ring(x: number, y: number, outer: number, inner: number, turns: number): LabelPolygon {
  const steps = Math.round(24 * turns);
  const points = (radius: number) =>
    Array.from({ length: steps + 1 }, (_, i): Point => {
      const angle = 2 * Math.PI * turns * (i / steps - 0.5) - Math.PI / 2;
      return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
    });
  return { points: [...points(outer), ...points(inner).toReversed()] };
}

/** A simple polygon, often concave; corners on the grid on which Clipper computes. */
function starPolygon(random: () => number, x: number, y: number): LabelPolygon {
  const corners = 3 + Math.floor(6 * random());
  const points = Array.from({ length: corners }, (_, i): Point => {
    const angle = (2 * Math.PI * (i + 0.5 * random())) / corners;
    const radius = 6 + 12 * random();
    const round = (value: number) => Math.round(256 * value) / 256;
    return [round(x + radius * Math.cos(angle)), round(y + radius * Math.sin(angle))];
  });
  return { points };
}

const edgesOf = (points: readonly Point[]) =>
  points.map((point, i): [Point, Point] => [point, points[(i + 1) % points.length]]);
const lengthOf = (points: readonly Point[]) =>
  edgesOf(points).reduce((sum, [[ax, ay], [bx, by]]) => sum + Math.hypot(bx - ax, by - ay), 0);
const areaOf = (points: readonly Point[]) =>
  Math.abs(edgesOf(points).reduce((sum, [[ax, ay], [bx, by]]) => sum + ax * by - bx * ay, 0)) / 2;

/** The distance to the nearest edge, by angles rather than by squares. */
function distanceTo(points: readonly Point[], [x, y]: Point, kind: 'authors' | 'segment'): number {
  const distances = edgesOf(points).map(([[ax, ay], [bx, by]]) => {
    const toA = Math.hypot(x - ax, y - ay);
    const toB = Math.hypot(x - bx, y - by);
    if (toA === 0 || toB === 0) return 0;
    const edge = Math.hypot(bx - ax, by - ay);
    const across = Math.abs((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / edge;
    const seen = (ax - x) * (bx - x) + (ay - y) * (by - y);
    const along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / edge;
    const perpendicular = kind === 'authors' ? seen <= 0 : along > 0 && along < edge;
    return perpendicular ? across : Math.min(toA, toB);
  });
  return Math.min(...distances);
}
