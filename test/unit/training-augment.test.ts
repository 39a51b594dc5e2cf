import { describe, expect, it } from 'vitest';
import { matchImage } from '../../src/eval/icdar.ts';
import type { Point } from '../../src/postprocess/types.ts';
import { augment } from '../../src/train/augmentation/augment.ts';
import type { AugmentOptions } from '../../src/train/augmentation/augment-options.ts';
import { clipPolygon } from '../../src/train/augmentation/clip-polygon.ts';
import { Random } from '../../src/train/augmentation/random.ts';
import type { Picture } from '../../src/train/augmentation/resample.ts';
import { random } from '../gpu/assert.ts';
import { compose } from '../gpu/references/compose.ts';
import { errorOf } from './safetensors-helpers.ts';

/** Corners of an upright box. */
const box = (left: number, top: number, right: number, bottom: number): Point[] => [
  [left, top],
  [right, top],
  [right, bottom],
  [left, bottom],
];

/** Whether a place lies in a convex polygon, whichever way round its corners are. */
function isInside(points: readonly Point[], x: number, y: number): boolean {
  const sides = points.map(([x0, y0], i) => {
    const [x1, y1] = points[(i + 1) % points.length];
    return (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0;
  });
  return sides.every(Boolean) || !sides.some(Boolean);
}

const signedArea = (points: readonly Point[]) =>
  points.reduce((sum, [x, y], i) => {
    const [u, v] = points[(i + 1) % points.length];
    return sum + (x * v - u * y) / 2;
  }, 0);

/** An opaque grey picture with polygon i painted in channel i. */
function paint(width: number, height: number, channels: 3 | 4, polygons: readonly Point[][]): Picture {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) =>
    i % channels === 3 ? 255 : 40,
  );
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (const [i, points] of polygons.entries()) {
        if (isInside(points, x + 0.5, y + 0.5)) data[(y * width + x) * channels + i] = 240;
      }
    }
  }
  return { data, width, height, channels };
}

interface Moments {
  area: number;
  x: number;
  y: number;
}

/** Area and centroid of what is painted in a channel of an RGBA picture, from the shares of its pixels. */
function painted(data: Uint8Array, size: number, channel: number): Moments {
  let [sumX, sumY, area] = [0, 0, 0];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const share = Math.max(0, data[4 * (y * size + x) + channel] - 40) / 200;
      sumX += share * (x + 0.5);
      sumY += share * (y + 0.5);
      area += share;
    }
  }
  return { area, x: sumX / area, y: sumY / area };
}

/** Area and centroid of a polygon. */
function moments(points: readonly Point[]): Moments {
  let [sumX, sumY, area] = [0, 0, 0];
  for (const [i, [x, y]] of points.entries()) {
    const [u, v] = points[(i + 1) % points.length];
    const cross = (x * v - u * y) / 2;
    area += cross;
    sumX += (cross * (x + u)) / 3;
    sumY += (cross * (y + v)) / 3;
  }
  return { area: Math.abs(area), x: sumX / area, y: sumY / area };
}

const texts: Point[][] = [
  box(40, 30, 130, 60),
  [
    [150, 110],
    [240, 130],
    [235, 155],
    [145, 135],
  ],
  box(60, 160, 110, 185),
];
const polygons = texts.map((points, i) => ({ points, text: 'ABC'[i] }));

describe('clipPolygon', () => {
  const diamond: Point[] = [
    [0, -10],
    [10, 0],
    [0, 10],
    [-10, 0],
  ];

  it('cuts to the rectangle, in the sense of rotation of the polygon', () => {
    for (const points of [diamond, [...diamond].reverse()]) {
      const cut = clipPolygon(points, 100, 5)!;
      // The quarter below and to the right, without the tip below 5.
      expect(Math.abs(signedArea(cut))).toBeCloseTo(50 - 12.5);
      expect(Math.sign(signedArea(cut))).toBe(Math.sign(signedArea(points)));
    }
  });

  it('takes the largest piece, and nothing of what is outside or touches', () => {
    const fork = [
      ...box(-10, 10, -5, 50).slice(0, 1),
      [30, 10],
      [30, 20],
      [-5, 20],
      [-5, 30],
      [20, 30],
      [20, 40],
      [-10, 40],
    ];
    expect(Math.abs(signedArea(clipPolygon(fork as Point[], 100, 100)!))).toBeCloseTo(300);
    expect(clipPolygon(box(-20, 0, 0, 10), 100, 100)).toBeUndefined();
    expect(clipPolygon(box(200, 0, 210, 10), 100, 100)).toBeUndefined();
    expect(clipPolygon(box(0, 0, 100, 100), 100, 100)).toEqual(box(0, 0, 100, 100));
  });
});

describe('augment', () => {
  const ways: [string, AugmentOptions][] = [
    ['all of it', {}],
    ['mirror alone', { flip: 1, rotate: false, scale: false, crop: false }],
    ['rotation alone', { flip: 0, rotate: [7, 9], scale: false, crop: false }],
    ['scale alone', { flip: 0, rotate: false, scale: [0.5, 0.9], crop: false }],
    ['crop alone', { flip: 0, rotate: false, scale: false }],
    ['strong rotation', { rotate: [-180, 180] }],
    ['nothing', { augment: false }],
  ];
  it.each(ways)('moves pixels and polygons together: %s', (_, options) => {
    let compared = 0;
    for (const channels of [3, 4] as const) {
      const picture = paint(300, 200, channels, texts);
      for (let index = 0; index < 6; index++) {
        const result = augment(picture, polygons, new Random(1, 0, index), { cropSize: 160, ...options });
        for (const { text, points } of result.polygons) {
          const found = painted(result.data, 160, 'ABC'.indexOf(text));
          const wanted = moments(points);
          if (wanted.area < 20) continue;
          expect(Math.abs(found.x - wanted.x)).toBeLessThan(0.25);
          expect(Math.abs(found.y - wanted.y)).toBeLessThan(0.25);
          expect(Math.abs(found.area / wanted.area - 1)).toBeLessThan(0.05 + 8 / wanted.area);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(10);
  });

  it('crops so that no text is cut where lines run between the texts, and some text is there', () => {
    const picture = paint(300, 200, 3, texts);
    const sizes = new Set<number>();
    for (let index = 0; index < 200; index++) {
      const options = { cropSize: 96, rotate: false, scale: false } as const;
      const result = augment(picture, polygons, new Random(2, index), options);
      expect(result.polygons.length).toBeGreaterThan(0);
      for (const { points } of result.polygons) {
        for (const [x, y] of points) {
          expect(Math.min(x, y)).toBeGreaterThanOrEqual(-1e-9);
          expect(Math.max(x, y)).toBeLessThanOrEqual(96 + 1e-9);
        }
      }
      sizes.add(Math.round(Math.hypot(result.map[0], result.map[3]) * 1000));
    }
    // Crops of many sizes, hence text of many sizes.
    expect(sizes.size).toBeGreaterThan(50);
  });

  it('lets crops cut what is ignored, and takes the whole picture where every line cuts a text', () => {
    const picture = paint(300, 200, 3, []);
    const wide = [{ points: box(1, 1, 299, 199), ignore: true }, ...polygons];
    const options = { cropSize: 96, flip: 0, rotate: false, scale: false } as const;
    const crops = Array.from({ length: 20 }, (_, i) => augment(picture, wide, new Random(3, i), options));
    // Cut to the crop: it fills the width or the height.
    expect(crops.some(({ polygons }) => Math.min(...polygons[0].points.flat()) === 0)).toBe(true);
    const covering = [{ points: box(0, 0, 300, 200) }];
    const { map } = augment(picture, covering, new Random(4), options);
    expect(map.map((value) => value + 0)).toEqual([96 / 300, 0, 0, 0, 96 / 300, 0]);
  });

  it('crops pictures without text as well', () => {
    const picture = paint(300, 200, 3, []);
    const factors = Array.from({ length: 10 }, (_, i) =>
      augment(picture, [], new Random(5, i), { rotate: false }),
    );
    expect(new Set(factors.map(({ map }) => Math.abs(map[0]))).size).toBeGreaterThan(5);
  });

  it('keeps no crop below the smallest side', () => {
    const picture = paint(300, 200, 3, []);
    for (let index = 0; index < 50; index++) {
      const options = { cropSize: 100, rotate: false, minCropSide: 0.6 } as const;
      const { map } = augment(picture, [], new Random(6, index), options);
      expect(100 / Math.abs(map[0])).toBeGreaterThanOrEqual(Math.max(0.6 * 300, 0.6 * 200) - 1e-9);
    }
  });

  it('mirrors half of the pictures, and keeps the corners of mirrored polygons in clockwise order', () => {
    const picture = paint(60, 40, 3, []);
    const label = [{ points: box(10, 10, 30, 20) }];
    const results = Array.from({ length: 400 }, (_, i) =>
      augment(picture, label, new Random(7, i), { cropSize: 32, rotate: false }),
    );
    const mirrored = results.filter(({ map }) => map[0] < 0);
    expect(Math.abs(mirrored.length - 200)).toBeLessThan(40);
    for (const { polygons } of results) expect(signedArea(polygons[0].points)).toBeGreaterThan(0);
  });

  it('mirrors pixel by pixel, as the whole picture at its own size shows', () => {
    const { data } = paint(64, 64, 4, texts);
    const drawn = new Random(12);
    for (let i = 0; i < data.length; i++) data[i] = i % 4 === 3 ? 255 : drawn.integer(256);
    const picture: Picture = { data, width: 64, height: 64, channels: 4 };
    const options = { cropSize: 64, flip: 1, rotate: false, scale: false, crop: false } as const;
    const result = augment(picture, [{ points: box(4, 10, 20, 16) }], drawn, options);
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) {
        const pixel = (pixels: ArrayLike<number>, at: number) =>
          Array.from({ length: 4 }, (_, c) => pixels[4 * at + c]);
        expect(pixel(result.data, 64 * y + x)).toEqual(pixel(data, 64 * y + 63 - x));
      }
    }
    expect(moments(result.polygons[0].points)).toEqual({ area: 96, x: 52, y: 13 });
  });

  it('composes transparent pixels over the background before it samples them', () => {
    const next = random(4);
    const rgba = Uint8Array.from({ length: 24 * 24 * 4 }, () => next() * 256);
    const cut = (picture: Picture, options: AugmentOptions = {}) =>
      augment(picture, [], new Random(5), { cropSize: 40, ...options }).data;
    const clear: Picture = { data: rgba, width: 24, height: 24, channels: 4 };
    for (const background of [undefined, [9, 80, 200]] as const) {
      const data = compose(rgba, background ?? [255, 255, 255]);
      const opaque: Picture = { data, width: 24, height: 24, channels: 3 };
      expect(cut(clear, { background })).toEqual(cut(opaque));
    }
  });

  it('fits the whole picture at the upper left and fills the rest where nothing is augmented', () => {
    const picture = paint(200, 100, 3, [box(0, 0, 200, 100), box(0, 0, 200, 100), box(0, 0, 200, 100)]);
    const label = [{ points: box(20, 20, 60, 40) }, { points: box(300, 0, 310, 10) }];
    const options = { cropSize: 64, augment: false, fill: [1, 2, 3] } as const;
    const { data, polygons, width, height } = augment(picture, label, new Random(8), options);
    expect([width, height]).toEqual([64, 64]);
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) {
        const pixel = [...data.subarray(4 * (64 * y + x), 4 * (64 * y + x) + 4)];
        expect(pixel).toEqual(y < 32 ? [240, 240, 240, 255] : [1, 2, 3, 255]);
      }
    }
    // The label outside the picture is gone.
    expect(polygons).toEqual([
      { points: box(6.4, 6.4, 19.2, 12.8).map(([x, y]) => [expect.closeTo(x), expect.closeTo(y)]) },
    ]);
  });

  it('averages where the picture shrinks, so that thin lines keep their brightness', () => {
    const data = new Uint8Array(400 * 400 * 3);
    for (let i = 0; i < data.length; i++) data[i] = Math.floor(i / 3) % 4 === 1 ? 200 : 0;
    const picture: Picture = { data, width: 400, height: 400, channels: 3 };
    const result = augment(picture, [], new Random(9), { cropSize: 100, augment: false });
    for (const value of result.data.filter((_, i) => i % 4 < 3)) expect(value).toBe(50);
  });

  it('keeps crops at their size for any scale, and loses detail below 1', () => {
    const data = new Uint8Array(64 * 64 * 3);
    for (let i = 0; i < data.length; i++) data[i] = Math.floor(i / 3) % 2 === 0 ? 200 : 0;
    const picture: Picture = { data, width: 64, height: 64, channels: 3 };
    const whole = [{ points: box(0, 0, 64, 64) }];
    const at = (scale: number) =>
      augment(picture, whole, new Random(10), {
        cropSize: 64,
        flip: 0,
        rotate: false,
        scale: [scale, scale],
      });
    expect(at(3).data).toEqual(at(1).data);
    expect(at(0.5).polygons).toEqual(at(1).polygons);
    expect([...at(1).data.subarray(0, 8)]).toEqual([200, 200, 200, 255, 0, 0, 0, 255]);
    for (const value of at(0.5).data.filter((_, i) => i % 4 < 3)) expect(value).toBe(100);
  });

  it('gives the same crop for the same stream and another for another', () => {
    const picture = paint(120, 90, 3, texts);
    const run = (...keys: [number, ...number[]]) =>
      augment(picture, polygons, new Random(...keys), { cropSize: 64 });
    expect(run(1, 5, 2)).toEqual(run(1, 5, 2));
    expect(run(1, 5, 2).map).not.toEqual(run(1, 5, 3).map);
  });

  it('gives back the labels of a detector that reads the crop, through the inverse of the map', () => {
    const picture = paint(300, 200, 3, texts);
    const { polygons: moved, map } = augment(picture, polygons, new Random(11), { cropSize: 640, flip: 0 });
    const [a, b, c, d, e, f] = map;
    const back = moved.map(({ points }) =>
      points.map(([x, y]): Point => {
        const [u, v] = [x - c, y - f];
        return [(e * u - b * v) / (a * e - b * d), (a * v - d * u) / (a * e - b * d)];
      }),
    );
    const labels = polygons
      .filter(({ text }) => moved.some((other) => other.text === text))
      .map(({ points }) => ({ points, ignore: false }));
    expect(matchImage(labels, back).matched).toBe(labels.length);
  });

  const picture = paint(20, 10, 3, []);
  const refusal = (options: object) =>
    errorOf('invalid-argument', () => augment(picture, [], new Random(1), options)).message;
  it('refuses options that make no sense, by name', () => {
    expect(refusal({ cropsize: 64 })).toContain('cropsize');
    expect(refusal({ cropSize: 0 })).toContain('cropSize');
    expect(refusal({ flip: 2 })).toContain('flip');
    expect(refusal({ rotate: [10, -10] })).toContain('rotate');
    expect(refusal({ rotate: true })).toContain('rotate');
    expect(refusal({ scale: [0, 1] })).toContain('scale');
    expect(refusal({ minCropSide: Number.NaN })).toContain('minCropSide');
    expect(refusal({ cropTries: -1 })).toContain('cropTries');
    expect(refusal({ fill: [0, 0, 300] })).toContain('fill');
    expect(refusal({ background: [0, 0, 300] })).toContain('background');
  });

  it('refuses pixels that do not fit their size, and polygons without area or place', () => {
    const odd = (change: Partial<Picture>) => () => augment({ ...picture, ...change }, [], new Random(1));
    expect(errorOf('invalid-image', odd({ width: 21 })).message).toContain('expected 630 bytes');
    errorOf('invalid-image', odd({ width: 0 }));
    errorOf('invalid-image', odd({ channels: 1 as 3 }));
    errorOf('invalid-image', odd({ data: [] as unknown as Uint8Array }));
    const bad = (points: Point[]) => () => augment(picture, [{ points }], new Random(1));
    expect(
      errorOf(
        'invalid-argument',
        bad([
          [0, 0],
          [1, 1],
        ]),
      ).message,
    ).toContain('polygons[0]');
    errorOf(
      'invalid-argument',
      bad([
        [0, 0],
        [1, 1],
        [Number.NaN, 0],
      ]),
    );
  });
});
