import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { rectify } from '../../src/index.ts';
import type { RawImage } from '../../src/input/types.ts';
import { seededRandom } from '../helpers/random.ts';

type Point = [number, number];

function noise(width: number, height: number, channels: 1 | 3 | 4, seed = 1): RawImage {
  const next = seededRandom(seed);
  const data = Uint8Array.from({ length: width * height * channels }, () => Math.floor(256 * next()));
  return { data, width, height, channels };
}

const rectangle = (x: number, y: number, width: number, height: number): Point[] => [
  [x, y],
  [x + width, y],
  [x + width, y + height],
  [x, y + height],
];

const toSharp = ({ data, width, height, channels }: RawImage) =>
  sharp(Buffer.from(data), { raw: { width, height, channels } });

/** RGB of an opaque crop. */
const colours = (data: Uint8ClampedArray) => Array.from(data).filter((_, i) => i % 4 !== 3);

/** Solves A x = b by Gauss with pivots. */
function solve(rows: number[][], right: number[]): number[] {
  const m = rows.map((row, i) => [...row, right[i]]);
  for (let k = 0; k < m.length; k++) {
    const pivot = m.reduce(
      (best, row, i) => (i >= k && Math.abs(row[k]) > Math.abs(m[best][k]) ? i : best),
      k,
    );
    [m[k], m[pivot]] = [m[pivot], m[k]];
    for (let i = 0; i < m.length; i++) {
      if (i === k) continue;
      const factor = m[i][k] / m[k][k];
      m[i] = m[i].map((value, j) => value - factor * m[k][j]);
    }
  }
  return m.map((row, i) => row[m.length] / row[i]);
}

/** OpenCV's `getPerspectiveTransform`, from the corners of a crop to a quad: eight equations. */
function homography(quad: Point[], width: number, height: number): (x: number, y: number) => Point {
  const from = rectangle(0, 0, width, height);
  const rows = from.flatMap(([x, y], i) => [
    [x, y, 1, 0, 0, 0, -x * quad[i][0], -y * quad[i][0]],
    [0, 0, 0, x, y, 1, -x * quad[i][1], -y * quad[i][1]],
  ]);
  const h = [...solve(rows, quad.flat()), 1];
  return (x, y) => {
    const w = h[6] * x + h[7] * y + h[8];
    return [(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w];
  };
}

describe('rectify', () => {
  it.each([1, 3] as const)('an upright box is cut out as it is, %i channels', async (channels) => {
    const image = noise(60, 40, channels);
    const crop = await rectify(image, { points: rectangle(7, 5, 30, 22) });
    expect(crop).toMatchObject({ width: 30, height: 22, channels: 4 });
    const expected = await toSharp(image)
      .extract({ left: 7, top: 5, width: 30, height: 22 })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const rgb = [...expected.data];
    expect(colours(crop.data)).toEqual(
      expected.info.channels === 1 ? rgb.flatMap((value) => [value, value, value]) : rgb,
    );
    expect(crop.data.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
  });

  it('a quarter turn is one, and so is a tall region, counter-clockwise', async () => {
    const image = noise(60, 70, 3);
    const [a, b, c, d] = rectangle(10, 5, 20, 40);
    const expected = await toSharp(image)
      .extract({ left: 10, top: 5, width: 20, height: 40 })
      .raw()
      .toBuffer();
    const turned = await sharp(expected, { raw: { width: 20, height: 40, channels: 3 } })
      .rotate(-90)
      .raw()
      .toBuffer();
    const lying = await rectify(image, { points: [a, b, c, d] });
    expect([lying.width, lying.height]).toEqual([40, 20]);
    expect(colours(lying.data)).toEqual([...turned]);
    const kept = await rectify(image, { points: [a, b, c, d] }, { turnVertical: false });
    expect([kept.width, kept.height]).toEqual([20, 40]);
    expect(colours(kept.data)).toEqual([...expected]);
    const byCorners = await rectify(image, { points: [b, c, d, a] });
    expect(colours(byCorners.data)).toEqual([...turned]);
  });

  it('a quad is mapped by the perspective that eight equations give, and interpolated bilinearly', async () => {
    const image = noise(80, 60, 3, 7);
    const points: Point[] = [
      [12.3, 9.1],
      [70.2, 4.4],
      [74.9, 41.7],
      [8.8, 33.2],
    ];
    const crop = await rectify(image, { points });
    const length = (p: Point, q: Point) => Math.hypot(p[0] - q[0], p[1] - q[1]);
    expect(crop.width).toBe(Math.round(Math.max(length(points[0], points[1]), length(points[3], points[2]))));
    expect(crop.height).toBe(
      Math.round(Math.max(length(points[0], points[3]), length(points[1], points[2]))),
    );
    const at = homography(points, crop.width, crop.height);
    const pixel = (x: number, y: number, c: number) => image.data[3 * (y * 80 + x) + c];
    // No shrinking on this crop's sides: one point for each pixel, or two where a side was rounded down.
    let worst = 0;
    const grid = (size: number, natural: number) => Math.ceil(natural / size);
    const columns = grid(crop.width, Math.max(length(points[0], points[1]), length(points[3], points[2])));
    const rows = grid(crop.height, Math.max(length(points[0], points[3]), length(points[1], points[2])));
    for (let y = 0; y < crop.height; y++) {
      for (let x = 0; x < crop.width; x++) {
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let j = 0; j < rows; j++) {
            for (let i = 0; i < columns; i++) {
              const [px, py] = at(x + (i + 0.5) / columns, y + (j + 0.5) / rows).map((value) => value - 0.5);
              const [x0, y0] = [Math.floor(px), Math.floor(py)];
              const [fx, fy] = [px - x0, py - y0];
              sum +=
                pixel(x0, y0, c) * (1 - fx) * (1 - fy) +
                pixel(x0 + 1, y0, c) * fx * (1 - fy) +
                pixel(x0, y0 + 1, c) * (1 - fx) * fy +
                pixel(x0 + 1, y0 + 1, c) * fx * fy;
            }
          }
          worst = Math.max(worst, Math.abs(sum / (rows * columns) - crop.data[4 * (y * crop.width + x) + c]));
        }
      }
    }
    expect(worst).toBeLessThan(0.51);
  });

  it('shrinks by means over whole areas, to a height and a width', async () => {
    const image = noise(100, 40, 1);
    const points = rectangle(4, 4, 80, 32);
    const crop = await rectify(image, { points }, { height: 8 });
    expect([crop.width, crop.height]).toEqual([20, 8]);
    for (const [x, y] of [
      [0, 0],
      [13, 5],
      [19, 7],
    ]) {
      let sum = 0;
      for (let j = 0; j < 4; j++)
        for (let i = 0; i < 4; i++) sum += image.data[(4 + 4 * y + j) * 100 + 4 + 4 * x + i];
      expect(Math.abs(crop.data[4 * (y * 20 + x)] - sum / 16)).toBeLessThanOrEqual(0.5);
    }
    const narrow = await rectify(image, { points }, { height: 8, maxWidth: 10 });
    expect([narrow.width, narrow.height]).toEqual([10, 8]);
    const large = await rectify(image, { points }, { height: 64, maxWidth: 1000 });
    expect([large.width, large.height]).toEqual([160, 64]);
  });

  it('of a polygon the rectangle of minimum area is cut out', async () => {
    const image = noise(60, 40, 3);
    const points: Point[] = [
      [10, 12],
      [24, 8],
      [40, 12],
      [40, 20],
      [24, 24],
      [10, 20],
    ];
    const crop = await rectify(image, { points });
    expect(crop).toEqual(await rectify(image, { points: rectangle(10, 8, 30, 16) }));
    // Four points that are no quad to be straightened.
    const dart: Point[] = [
      [10, 8],
      [40, 8],
      [20, 12],
      [10, 24],
    ];
    expect(await rectify(image, { points: dart })).toMatchObject({ channels: 4 });
  });

  it('composes what is transparent over white, or a colour, before anything is interpolated', async () => {
    const image: RawImage = { data: new Uint8Array(20 * 10 * 4), width: 20, height: 10, channels: 4 };
    for (let i = 0; i < 200; i++) image.data.set([200, 0, 100, i % 20 < 10 ? 0 : 255], 4 * i);
    const points = rectangle(0, 0, 20, 10);
    const white = await rectify(image, { points });
    expect([...white.data.subarray(0, 4), ...white.data.subarray(76, 80)]).toEqual([
      255, 255, 255, 255, 200, 0, 100, 255,
    ]);
    const blue = await rectify(image, { points }, { background: [0, 0, 90], height: 20 });
    expect([...blue.data.subarray(0, 4)]).toEqual([0, 0, 90, 255]);
    expect(image.data[3]).toBe(0);
  });

  it('repeats the border where a region reaches beyond the picture', async () => {
    const image = noise(30, 20, 1);
    const crop = await rectify(image, { points: rectangle(-5, -3, 20, 12) });
    expect([crop.width, crop.height]).toEqual([20, 12]);
    const at = (x: number, y: number) => image.data[Math.max(y - 3, 0) * 30 + Math.max(x - 5, 0)];
    for (const [x, y] of [
      [0, 0],
      [4, 8],
      [12, 2],
      [19, 11],
    ])
      expect(crop.data[4 * (y * 20 + x)]).toBe(at(x, y));
  });

  it.each([
    [
      'without area',
      [
        [3, 3],
        [9, 9],
        [15, 15],
      ],
      /an outline with an area/,
    ],
    ['beside the picture', rectangle(40, 5, 10, 10), /an outline in the 30x20 picture/],
    ['of too many pixels', rectangle(0, 0, 1e6, 1e6), /at most 268435456 pixels/],
  ] as [string, Point[], RegExp][])('a region %s is refused', async (_, points, message) => {
    await expect(rectify(noise(30, 20, 3), { points })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(message),
    });
  });

  it('a picture that does not fit its size is refused', async () => {
    const broken = { ...noise(30, 20, 3), width: 31 };
    await expect(rectify(broken, { points: rectangle(0, 0, 9, 9) })).rejects.toMatchObject({
      code: 'invalid-image',
    });
  });
});
