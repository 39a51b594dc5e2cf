import { describe, expect, it } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import { countCrossings } from '../../src/geometry/crossings.ts';
import {
  createRegionScratch,
  findRegions,
  type Point,
  type ProbabilityMap,
  regionDefaults,
  resolveRegionOptions,
  signedArea,
} from '../../src/postprocess/index.ts';
import { randomMask } from '../helpers/masks.ts';
import { seededRandom } from '../helpers/random.ts';

/** An upright rectangle of pixels, borders included. */
interface Block {
  left: number;
  top: number;
  right: number;
  bottom: number;
  value: number;
}

function mapOf(width: number, height: number, blocks: Block[], background = 0): ProbabilityMap {
  const data = new Float32Array(width * height).fill(background);
  for (const { left, top, right, bottom, value } of blocks) {
    for (let y = top; y <= bottom; y++) data.fill(value, y * width + left, y * width + right + 1);
  }
  return { data, width, height };
}

const block = (left: number, top: number, right: number, bottom: number, value = 0.9): Block => ({
  left,
  top,
  right,
  bottom,
  value,
});

const closeTo = (points: Point[], digits = 6) =>
  points.map(([x, y]) => [expect.closeTo(x, digits), expect.closeTo(y, digits)]);

const bounds = (points: Point[]) => [
  Math.min(...points.map(([x]) => x)),
  Math.min(...points.map(([, y]) => y)),
  Math.max(...points.map(([x]) => x)),
  Math.max(...points.map(([, y]) => y)),
];

/** The error that a call throws; fails if it throws nothing or something else. */
function errorOf(call: () => unknown): DBNetError {
  try {
    call();
  } catch (error) {
    if (error instanceof DBNetError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

describe('findRegions', () => {
  it('unclips the rectangle of a block by A * ratio / L', () => {
    const map = mapOf(100, 60, [block(20, 20, 60, 30)]);
    const { regions, truncated } = findRegions(map);
    const d = (40 * 10 * 1.5) / 100;
    expect(truncated).toBe(false);
    expect(regions).toEqual([
      {
        points: closeTo([
          [20 - d, 20 - d],
          [60 + d, 20 - d],
          [60 + d, 30 + d],
          [20 - d, 30 + d],
        ]),
        box: { x: 20 - d, y: 20 - d, width: 40 + 2 * d, height: 10 + 2 * d },
        score: expect.closeTo(0.9, 6),
      },
    ]);
  });

  it('gives regions as plain JSON, each with the box around its points in pixels of the target', () => {
    const map = mapOf(100, 60, []);
    for (let x = 10; x <= 70; x++) {
      for (let k = 0; k < 12; k++) map.data[(10 + Math.round(x / 3) + k) * 100 + x] = 0.9;
    }
    for (const shape of ['quad', 'polygon'] as const) {
      const { regions } = findRegions(map, { shape, target: { width: 250, height: 90 } });
      expect(regions).toHaveLength(1);
      expect(JSON.parse(JSON.stringify(regions))).toEqual(regions);
      const [{ points, box }] = regions;
      const [left, top, right, bottom] = bounds(points);
      expect(box).toEqual({ x: left, y: top, width: right - left, height: bottom - top });
    }
  });

  it('gives polygons their larger ratio and their round corners', () => {
    const map = mapOf(100, 60, [block(20, 20, 60, 30)]);
    const [{ points }] = findRegions(map, { shape: 'polygon' }).regions;
    const d = (40 * 10 * 2) / 100;
    expect(points.length).toBeGreaterThan(8);
    expect(bounds(points)).toEqual([20 - d, 20 - d, 60 + d, 30 + d].map((value) => expect.closeTo(value, 2)));
    for (const corner of [
      [20 - d, 20 - d],
      [60 + d, 30 + d],
    ]) {
      const nearest = Math.min(...points.map(([x, y]) => Math.hypot(x - corner[0], y - corner[1])));
      expect(nearest).toBeGreaterThan(0.35 * d);
    }
  });

  describe('simplifies polygons', () => {
    /** Wavy bands of several heights, with noise in their outlines, some of them at the border. */
    const bands = mapOf(320, 240, []);
    const next = seededRandom(11);
    for (let band = 0; band < 8; band++) {
      const height = 4 + 2 * band;
      const [amplitude, phase] = [2 + 8 * next(), 6 * next()];
      for (let x = band % 3 === 0 ? 0 : 12; x < 300 - 20 * band; x++) {
        const y = 4 + 26 * band + amplitude * (1 + Math.sin(x / 30 + phase)) - next();
        for (let k = 0; k < height; k++) bands.data[Math.round(Math.max(y, 0) + k) * 320 + x] = 0.9;
      }
    }
    const target = { width: 960, height: 720 };
    const find = (simplify?: number) => findRegions(bands, { shape: 'polygon', target, simplify }).regions;
    const full = find(0).map(({ points }) => points);

    it.each([undefined, 0, 0.01, 0.1, 0.3, 1])('to outlines that are still some: %s', (simplify) => {
      const regions = find(simplify);
      expect(regions).toHaveLength(full.length);
      expect(find(simplify)).toEqual(regions);
      regions.forEach(({ points, score }, i) => {
        expect(points.length).toBeGreaterThanOrEqual(4);
        expect(points.length).toBeLessThanOrEqual(full[i].length);
        expect(countCrossings(points, 1)).toBe(0);
        expect(signedArea(Float64Array.from(points.flat()))).toBeGreaterThan(0);
        expect(Math.min(...points.map(([x, y]) => x + y))).toBe(points[0][0] + points[0][1]);
        expect(score).toBe(find(0)[i].score);
        // Each point is one of the full outline's.
        const known = new Set(full[i].map(String));
        expect(points.every((point) => known.has(String(point)))).toBe(true);
      });
    });
  });

  it('follows a curve with a polygon, where a quad is its box', () => {
    // A V.
    const map = mapOf(80, 60, []);
    for (let x = 10; x <= 70; x++) {
      const y = 10 + Math.abs(x - 40);
      for (let k = 0; k < 10; k++) map.data[(y + k) * 80 + x] = 1;
    }
    const [polygon] = findRegions(map, { shape: 'polygon' }).regions;
    expect(polygon.score).toBeGreaterThan(0.95);
    expect(findRegions(map).regions).toEqual([]);
    expect(findRegions(map, { boxThreshold: 0.2 }).regions).toHaveLength(1);
    expect(findRegions(map, { score: 'slow' }).regions).toHaveLength(1);
  });

  describe('of a map of which the image fills a part', () => {
    const content = { width: 70, height: 41 };
    const next = seededRandom(5);
    const { data } = mapOf(96, 64, [
      block(10, 5, 40, 16),
      block(55, 20, 90, 33),
      block(10, 30, 45, 60),
      block(75, 36, 92, 47),
      block(60, 48, 92, 60),
    ]);
    for (let i = 0; i < data.length; i++) data[i] *= 0.6 + 0.4 * next();
    const cut = (values: Float32Array | Uint8Array) =>
      Array.from({ length: content.height }, (_, y) => [
        ...values.subarray(96 * y, 96 * y + content.width),
      ]).flat();
    const mask = Uint8Array.from(data, (value) => (value > 0.3 ? 1 : 0));
    const bits = new Uint32Array(3 * 64);
    for (const [i, bit] of mask.entries()) bits[i >> 5] |= bit << (i & 31);
    const padded: ProbabilityMap = { data, width: 96, height: 64, content };
    const whole: ProbabilityMap = { data: Float32Array.from(cut(data)), ...content };

    it.each(['quad', 'polygon'] as const)('are those of that part alone: %s', (shape) => {
      for (const score of ['fast', 'slow'] as const) {
        for (const target of [undefined, { width: 700, height: 123 }]) {
          const options = { shape, score, target, boxThreshold: 0.4 };
          const expected = findRegions(whole, options);
          // One lies in the image, two reach into the padding, two are padding.
          expect(expected.regions).toHaveLength(3);
          for (const map of [padded, { ...padded, mask }, { ...padded, mask: bits }])
            expect(findRegions(map, options)).toEqual(expected);
          for (const [x, y] of expected.regions.flatMap(({ points }) => points)) {
            expect(x).toBeLessThanOrEqual((target ?? content).width);
            expect(y).toBeLessThanOrEqual((target ?? content).height);
          }
        }
      }
    });

    it.each([
      [{ width: 97, height: 41 }, 'map.content.width: expected a whole number from 1 to 96, found 97.'],
      [{ width: 70, height: 0 }, 'map.content.height'],
      [{ width: 70, height: 65 }, 'map.content.height: expected a whole number from 1 to 64, found 65.'],
      [{ width: 70.5, height: 41 }, 'map.content.width'],
      [{ width: 70 }, 'map.content.height'],
      [null, 'map.content: expected an object'],
      [70, 'map.content: expected an object'],
    ])('refuse %j', (wrong, message) => {
      const error = errorOf(() => findRegions({ ...padded, content: wrong as typeof content }));
      expect(error.code).toBe('invalid-argument');
      expect(error.message).toContain(message);
    });
  });

  it('applies the threshold strictly', () => {
    const map = mapOf(40, 30, [block(10, 10, 25, 20, 0.5)]);
    const options = { boxThreshold: 0 };
    expect(findRegions(map, { ...options, threshold: 0.5 }).regions).toHaveLength(0);
    expect(findRegions(map, { ...options, threshold: 0.499 }).regions).toHaveLength(1);
  });

  it('drops what scores below the box threshold, and nothing at it', () => {
    const map = mapOf(40, 30, [block(10, 10, 25, 20, 0.5)]);
    expect(findRegions(map, { boxThreshold: 0.5 }).regions).toHaveLength(1);
    expect(findRegions(map, { boxThreshold: 0.501 }).regions).toHaveLength(0);
  });

  it('drops rectangles whose short side is below minSize, or below minSize + 2 after the unclip', () => {
    const find = (side: number, minSize: number, unclipRatio: number) =>
      findRegions(mapOf(60, 40, [block(10, 10, 40, 10 + side)]), { minSize, unclipRatio }).regions.length;
    expect(find(3, 3, 1.5)).toBe(1);
    expect(find(2, 3, 1.5)).toBe(0);
    // D = 30 * 3 * ratio / 66; 3 + 2 D reaches 5 at a ratio of 11 / 15.
    expect(find(3, 3, 0.72)).toBe(0);
    expect(find(3, 3, 0.75)).toBe(1);
  });

  it('takes holes for contours too', () => {
    const ring = mapOf(60, 60, [block(10, 10, 50, 50), block(20, 20, 40, 40, 0.1)]);
    const { regions } = findRegions(ring, { boxThreshold: 0, unclipRatio: 0 });
    expect(regions.map(({ points }) => bounds(points))).toEqual([
      [10, 10, 50, 50],
      [19, 19, 41, 41],
    ]);
    // The hole itself scores low.
    expect(findRegions(ring, { boxThreshold: 0.4 }).regions).toHaveLength(1);
  });

  it('scales to the target in x and y separately, and clips', () => {
    const map = mapOf(100, 60, [block(20, 20, 60, 30), block(85, 40, 99, 59)]);
    const target = { width: 250, height: 90 };
    const plain = findRegions(map).regions;
    const scaled = findRegions(map, { target }).regions;
    expect(scaled[0].points).toEqual(closeTo(plain[0].points.map(([x, y]) => [x * 2.5, y * 1.5])));
    expect(bounds(scaled[1].points).slice(2)).toEqual([250, 90]);
    expect(bounds(plain[1].points).slice(2)).toEqual([100, 60]);
    for (const shape of ['quad', 'polygon'] as const) {
      const whole = findRegions(mapOf(30, 20, [block(0, 0, 29, 19)]), { shape, target }).regions;
      expect(bounds(whole[0].points)).toEqual([0, 0, 250, 90]);
    }
  });

  it('orders the corners of turned quads', () => {
    const map = mapOf(120, 100, []);
    for (let y = 0; y < 100; y++) {
      for (let x = 0; x < 120; x++) {
        const [u, v] = [(x - 60) * 0.8 + (y - 50) * 0.6, (y - 50) * 0.8 - (x - 60) * 0.6];
        if (Math.abs(u) < 35 && Math.abs(v) < 10) map.data[y * 120 + x] = 1;
      }
    }
    const [{ points }] = findRegions(map, { unclipRatio: 0 }).regions;
    const corner = (u: number, v: number): Point => [60 + 0.8 * u - 0.6 * v, 50 + 0.6 * u + 0.8 * v];
    const expected = [corner(-35, -10), corner(35, -10), corner(35, 10), corner(-35, 10)];
    points.forEach(([x, y], i) => {
      expect(Math.hypot(x - expected[i][0], y - expected[i][1])).toBeLessThan(2);
    });
  });
});

describe('masks', () => {
  const map = mapOf(70, 40, [block(10, 10, 40, 20), block(50, 25, 66, 36, 0.7)]);

  it('takes bytes or packed bits in place of the threshold', () => {
    const bytes = Uint8Array.from(map.data, (value) => (value > 0.8 ? 1 : 0));
    const bits = new Uint32Array(3 * 40);
    bytes.forEach((value, i) => {
      bits[3 * Math.floor(i / 70) + ((i % 70) >> 5)] |= value << ((i % 70) % 32);
    });
    const expected = findRegions(map, { threshold: 0.8 });
    expect(expected.regions).toHaveLength(1);
    // The threshold does not apply to a mask.
    expect(findRegions({ ...map, mask: bytes }, { threshold: 0.95 })).toEqual(expected);
    expect(findRegions({ ...map, mask: bits }, { threshold: 0.95 })).toEqual(expected);
  });

  it('ignores the bits that pad a row', () => {
    const bits = new Uint32Array(3 * 40).fill(0xffffffff);
    const full = new Uint8Array(70 * 40).fill(1);
    const options = { boxThreshold: 0 };
    expect(findRegions({ ...map, mask: bits }, options)).toEqual(
      findRegions({ ...map, mask: full }, options),
    );
  });

  it('gives the same with a scratch that other maps have used', () => {
    const random = seededRandom(5);
    const scratch = createRegionScratch();
    for (let round = 0; round < 20; round++) {
      const { mask, width, height } = randomMask(random, 8 + 3 * round, 70 - 3 * round, 0.55);
      const data = Float32Array.from(mask, (value) => value * 0.5 + 0.5 * random());
      for (const shape of ['quad', 'polygon'] as const) {
        const options = { shape, boxThreshold: 0.3, threshold: 0.4 };
        expect(findRegions({ data, width, height }, options, scratch)).toEqual(
          findRegions({ data, width, height }, options),
        );
      }
    }
  });
});

describe('candidates', () => {
  // From small to large in scan order, and two of the same size at the end.
  const map = mapOf(200, 40, [
    block(5, 5, 15, 10),
    block(30, 5, 50, 15),
    block(70, 5, 100, 20),
    block(120, 5, 140, 15),
    block(160, 5, 190, 20),
  ]);
  const lefts = (maxCandidates: number) => {
    const { regions, truncated } = findRegions(map, { maxCandidates, unclipRatio: 0.5 });
    return [regions.map(({ points }) => Math.round(points[0][0] / 10)), truncated];
  };

  it('are the largest contours, in scan order, the first of equal ones', () => {
    const all = lefts(5)[0];
    expect(all).toHaveLength(5);
    const [, second, third, , fifth] = all as number[];
    expect(lefts(1)).toEqual([[third], true]);
    expect(lefts(2)).toEqual([[third, fifth], true]);
    expect(lefts(3)).toEqual([[second, third, fifth], true]);
    expect(lefts(5)).toEqual([all, false]);
  });

  it.each(['checkerboard', 'noise', 'dots'])('of a map of %s are cut off and come back soon', (kind) => {
    const random = seededRandom(77);
    const [width, height] = [1280, 736];
    const data = Float32Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      if (kind === 'noise') return random();
      return kind === 'dots' ? Number(x % 2 === 0 && y % 2 === 0) : (x + y) % 2;
    });
    const { regions, truncated } = findRegions({ data, width, height }, { boxThreshold: 0.2 });
    expect(truncated).toBe(true);
    expect(regions.length === 0).toBe(kind === 'dots');
    expect(regions.length).toBeLessThanOrEqual(1000);
  });
});

describe('extremes', () => {
  const shapes = ['quad', 'polygon'] as const;
  const lenient = { threshold: 0.3, boxThreshold: 0, minSize: 0, unclipRatio: 1.5 };

  it.each(shapes)('an empty map has no %s', (shape) => {
    expect(findRegions(mapOf(64, 32, []), { shape })).toEqual({ regions: [], truncated: false });
    expect(findRegions(mapOf(1, 1, []), { shape })).toEqual({ regions: [], truncated: false });
  });

  it.each(shapes)('a full map is one %s', (shape) => {
    const map = mapOf(2048, 2048, [], 1);
    const { regions } = findRegions(map, { shape });
    expect(regions).toHaveLength(1);
    expect(regions[0].score).toBe(1);
    expect(bounds(regions[0].points)).toEqual([0, 0, 2048, 2048]);
  });

  it.each(shapes)('pixels and lines have no area and are no %s', (shape) => {
    const map = mapOf(50, 40, [
      block(3, 3, 3, 3),
      block(10, 5, 40, 5),
      block(8, 10, 8, 30),
      block(20, 20, 21, 20),
    ]);
    for (let i = 0; i < 12; i++) map.data[(22 + i) * 50 + 30 + i] = 1;
    expect(findRegions(map, { ...lenient, shape }).regions).toEqual([]);
    expect(findRegions(mapOf(1, 1, [], 1), { ...lenient, shape }).regions).toEqual([]);
    expect(findRegions(mapOf(30, 1, [], 1), { ...lenient, shape }).regions).toEqual([]);
  });

  it.each(shapes)('random maps give finite %ss inside the image', (shape) => {
    const random = seededRandom(9);
    for (let round = 0; round < 30; round++) {
      const { mask, width, height } = randomMask(random, 4 + round, 40 - round, 0.3 + 0.02 * round);
      const data = Float32Array.from(mask);
      const score = round % 2 === 0 ? 'fast' : 'slow';
      for (const region of findRegions({ data, width, height }, { ...lenient, shape, score }).regions) {
        expect(region.score).toBeGreaterThanOrEqual(0);
        expect(region.score).toBeLessThanOrEqual(1);
        for (const [x, y] of region.points) {
          expect(x >= 0 && x <= width && y >= 0 && y <= height).toBe(true);
        }
      }
    }
  });
});

describe('bad input', () => {
  const good = mapOf(40, 20, [block(5, 5, 30, 15)]);

  it.each<[unknown, RegExp]>([
    [{ ...good, width: 41 }, /map\.data: expected 820 values for 41 x 20, found 800/],
    [{ ...good, width: 40.5 }, /map\.width: expected a whole number of at least 1, found 40\.5/],
    [{ ...good, width: Number.NaN }, /map\.width: .* found NaN/],
    [{ ...good, height: 0 }, /map\.height: .* found 0/],
    [{ ...good, data: Array.from(good.data) }, /map\.data: expected a Float32Array, found an array/],
    [{ width: 40, height: 20 }, /map\.data: .* found undefined/],
    [{ ...good, mask: new Uint8Array(799) }, /map\.mask: expected 800 bytes .* found 799/],
    [{ ...good, mask: new Uint32Array(25) }, /map\.mask: expected 40 words of 32 pixels .* found 25/],
    [{ ...good, mask: [0, 1] }, /map\.mask: expected a Uint8Array .* found an array/],
    [null, /map: expected an object, found null/],
    [
      { ...good, data: good.data.with(85, Number.NaN) },
      /map\.data: expected finite .* found NaN at x 5, y 2/,
    ],
    [
      { ...good, data: good.data.with(0, -Infinity) },
      /map\.data: expected finite .* found -Infinity at x 0, y 0/,
    ],
  ])('map %#', (map, message) => {
    const error = errorOf(() => findRegions(map as ProbabilityMap));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toMatch(message);
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{ shape: 'box' }, /shape: expected 'quad' or 'polygon', found the string "box"/],
    [{ score: 1 }, /score: expected 'fast' or 'slow', found 1/],
    [{ threshold: Number.NaN }, /threshold: expected a number from 0 to 1, found NaN/],
    [{ threshold: '0.3' }, /threshold: .* found the string "0.3"/],
    [{ boxThreshold: 1.01 }, /boxThreshold: expected a number from 0 to 1, found 1\.01/],
    [{ boxThreshold: null }, /boxThreshold: .* found null/],
    [{ unclipRatio: -0.5 }, /unclipRatio: expected a number from 0 to 100, found -0\.5/],
    [{ unclipRatio: Infinity }, /unclipRatio: .* found Infinity/],
    [{ maxCandidates: 0 }, /maxCandidates: expected a whole number of at least 1, found 0/],
    [{ maxCandidates: 2.5 }, /maxCandidates: .* found 2\.5/],
    [{ minSize: Number.NaN }, /minSize: expected a finite number of at least 0, found NaN/],
    [{ minSize: [3] }, /minSize: .* found an array/],
    [{ box_threshold: 0.6 }, /expected none but shape, threshold, .*, found "box_threshold"/],
    [{ toString: 1 }, /found "toString"/],
  ])('option %o', (options, message) => {
    for (const call of [() => resolveRegionOptions(options), () => findRegions(good, options)]) {
      const error = errorOf(call);
      expect(error.code).toBe('invalid-argument');
      expect(error.message).toMatch(message);
    }
  });

  it.each<[unknown, RegExp]>([
    [{ target: { width: 0, height: 10 } }, /target\.width: expected a whole number of at least 1, found 0/],
    [{ target: { width: 10, height: 9.5 } }, /target\.height: .* found 9\.5/],
    [{ target: null }, /target: expected an object, found null/],
    [{ target: [] }, /target: expected an object, found an array/],
    [{ target: {} }, /target\.width: .* found undefined/],
    [null, /options: expected an object, found null/],
    ['quad', /options: expected an object, found the string "quad"/],
  ])('target or options %o', (options, message) => {
    const error = errorOf(() => findRegions(good, options as object));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toMatch(message);
  });
});

describe('resolveRegionOptions', () => {
  it('has the defaults of the paper, by shape', () => {
    const quads = {
      shape: 'quad',
      threshold: 0.3,
      boxThreshold: 0.6,
      unclipRatio: 1.5,
      maxCandidates: 1000,
      minSize: 3,
      score: 'fast',
      simplify: 0.03,
    };
    expect(resolveRegionOptions()).toEqual(quads);
    expect(resolveRegionOptions({ shape: 'polygon' })).toEqual({
      ...quads,
      shape: 'polygon',
      unclipRatio: 2,
    });
    expect(regionDefaults()).toEqual(quads);
  });

  it('takes undefined for left out, and the bounds themselves', () => {
    const bounds = { threshold: 0, boxThreshold: 1, unclipRatio: 0, maxCandidates: 1, minSize: 0 };
    expect(resolveRegionOptions({ ...bounds, shape: undefined })).toEqual({
      ...regionDefaults(),
      ...bounds,
    });
  });
});
