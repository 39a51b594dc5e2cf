import { describe, expect, it } from 'vitest';
import { addFilledPolygon, createSpanGroups } from '../../src/postprocess/fill.ts';
import { createScoreScratch, polygonScore, sumSpans } from '../../src/postprocess/score.ts';
import { draw } from '../helpers/masks.ts';
import { seededRandom } from '../helpers/random.ts';
import { errorOf } from './safetensors-helpers.ts';

/** The pixels that a score is the mean of, as a picture: one score per pixel that alone is 1. */
function filled(width: number, height: number, points: Int32Array | Float64Array): string {
  const scratch = createScoreScratch();
  const data = new Float32Array(width * height);
  let picture = '';
  for (let i = 0; i < data.length; i++) {
    data[i] = 1;
    picture += polygonScore({ data, width, height }, points, scratch) > 0 ? '#' : '.';
    data[i] = 0;
    if ((i + 1) % width === 0) picture += '\n';
  }
  return picture.trim();
}

describe('the pixels that fillPoly of OpenCV 5.0 fills', () => {
  it.each([
    [
      'a quad',
      [1, 1, 10, 3, 7, 8, 2, 6],
      `............
       .###........
       .#######....
       .##########.
       ..########..
       ..########..
       ..#######...
       ....#####...
       ......##....`,
    ],
    [
      'a polygon that crosses itself, by the even-odd rule',
      [2, 1, 9, 7, 9, 1, 2, 7],
      `............
       ..#......#..
       ..##....##..
       ..###..###..
       ..########..
       ..###..###..
       ..##....##..
       ..#......#..
       ............`,
    ],
    [
      'a quad that leaves the map on three sides',
      [-3, 2, 6, -2, 13, 3, 5, 8],
      `..#######.
       ##########
       ##########
       ##########
       ##########
       .#########`,
    ],
    ['a point', [2, 1], '....\n..#.\n....'],
    ['a line, there and back', [0, 0, 3, 2], '#...\n.##.\n...#'],
  ])('%s', (_, points, picture) => {
    const { width, height } = draw(picture);
    expect(filled(width, height, Int32Array.from(points))).toBe(picture.replaceAll(' ', ''));
  });
});

describe('polygonScore', () => {
  it('cuts corners towards the corner of the bounding box', () => {
    // From 1.9 to 1, from 3.2 to 3; to the left of the map from -0.9 to 0.
    expect(filled(5, 4, Float64Array.of(1.9, 1.9, 3.2, 1.1, 3.9, 2.9, 1.1, 2.2))).toBe(
      '.....\n.###.\n.###.\n.....',
    );
    expect(filled(5, 4, Float64Array.of(-0.9, -0.9, 1.5, -0.2, 1.5, 1.5, -0.5, 1.5))).toBe(
      '##...\n##...\n.....\n.....',
    );
  });

  it('is 0 outside the map', () => {
    const map = { data: new Float32Array(12).fill(1), width: 4, height: 3 };
    expect(polygonScore(map, Int32Array.of(10, 10, 12, 10, 12, 12))).toBe(0);
    expect(polygonScore(map, Int32Array.of(-9, -9, -7, -9, -7, -5))).toBe(0);
  });

  it('is the mean over inside and edges, as a loop over all pixels finds them', () => {
    const random = seededRandom(42);
    const scratch = createScoreScratch();
    for (let round = 0; round < 300; round++) {
      const width = 1 + Math.floor(random() * 40);
      const height = 1 + Math.floor(random() * 30);
      const data = Float32Array.from({ length: width * height }, () => random());
      const corners = 1 + Math.floor(random() * 9);
      const points = Int32Array.from({ length: 2 * corners }, (_, i) =>
        Math.floor(random() * (i % 2 === 0 ? width : height)),
      );
      const expected = slowMean(data, width, height, points);
      expect(polygonScore({ data, width, height }, points, scratch)).toBeCloseTo(expected, 12);
    }
  });

  it('leaves its scratch clean', () => {
    const random = seededRandom(43);
    const scratch = createScoreScratch();
    const map = { data: new Float32Array(900), width: 30, height: 30 };
    for (let round = 0; round < 100; round++) {
      polygonScore(
        map,
        Float64Array.from({ length: 10 }, () => random() * 60 - 15),
        scratch,
      );
      expect(scratch.marks.every((mark) => mark === 0)).toBe(true);
    }
  });
});

/** Mean in f64 over the pixels whose centre is inside by the even-odd rule or that an edge's line meets. */
function slowMean(data: Float32Array, width: number, height: number, points: Int32Array): number {
  const onEdge = new Set<number>();
  const edges: number[][] = [];
  for (let i = 0; i < points.length; i += 2) {
    const j = (i + 2) % points.length;
    edges.push([points[i], points[i + 1], points[j], points[j + 1]]);
    for (const [x, y] of bresenham(points[i], points[i + 1], points[j], points[j + 1]))
      onEdge.add(y * width + x);
  }
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let crossings = 0;
      for (const [x0, y0, x1, y1] of edges) {
        if (y0 <= y !== y1 <= y && x0 + ((y - y0) * (x1 - x0)) / (y1 - y0) < x) crossings++;
      }
      if (crossings % 2 === 0 && !onEdge.has(y * width + x)) continue;
      sum += data[y * width + x];
      count++;
    }
  }
  return sum / count;
}

/** Bresenham's line with an accumulated error, from the left end to the right one. */
function* bresenham(x0: number, y0: number, x1: number, y1: number): Generator<[x: number, y: number]> {
  const [fromX, fromY, toX, toY] = x0 <= x1 ? [x0, y0, x1, y1] : [x1, y1, x0, y0];
  const dx = toX - fromX;
  const dy = Math.abs(toY - fromY);
  const down = Math.sign(toY - fromY);
  let [x, y] = [fromX, fromY];
  let error = 0;
  for (let i = 0; i <= Math.max(dx, dy); i++) {
    yield [x, y];
    error += Math.min(dx, dy);
    const aside = 2 * error > Math.max(dx, dy);
    if (aside) error -= Math.max(dx, dy);
    if (dx >= dy || aside) x++;
    if (dy > dx || aside) y += down;
  }
}

describe('outlines in outlines', () => {
  const size = 512;
  const map = { width: size, height: size };
  const rings = Array.from({ length: size / 4 }, (_, i) => {
    const [low, high] = [2 * i, size - 1 - 2 * i];
    return Int32Array.of(low, low, high, low, high, high, low, high);
  });

  /** An array that counts how often an element is read. */
  function counted<T extends Uint8Array | Float32Array>(array: T): { array: T; reads: () => number } {
    let reads = 0;
    const proxy = new Proxy(array, {
      get(target, key) {
        if (typeof key === 'string' && /^\d/.test(key)) reads++;
        return Reflect.get(target, key, target);
      },
      set: (target, key, value) => Reflect.set(target, key, value, target),
    });
    return { array: proxy, reads: () => reads };
  }

  it('are filled without a search of their inside', () => {
    const scratch = createScoreScratch();
    const marks = counted(new Uint8Array(size * size));
    scratch.marks = marks.array;
    const pixels = rings.reduce((sum, ring) => sum + addFilledPolygon(ring, map, scratch.groups, scratch), 0);
    expect(pixels).toBe(rings.reduce((sum, _, i) => sum + (size - 4 * i) ** 2, 0));
    expect(marks.reads()).toBeLessThan(pixels / 2);
  });

  it('have their values added up once, not once per outline', () => {
    const random = seededRandom(3);
    const plain = Float32Array.from({ length: size * size }, () => random());
    const scratch = createScoreScratch();
    const groups = createSpanGroups();
    for (const ring of rings) addFilledPolygon(ring, map, groups, scratch);
    const values = counted(plain);
    const sums = sumSpans(values.array, groups);
    expect(values.reads()).toBe(plain.length);
    rings.forEach((ring, i) => {
      const [low, high] = [ring[0], ring[2]];
      let expected = 0;
      for (let y = low; y <= high; y++) for (let x = low; x <= high; x++) expected += plain[y * size + x];
      expect(Math.abs(sums[i] - expected)).toBeLessThan(1e-7);
    });
  });
});

it.each([Number.NaN, Number.POSITIVE_INFINITY])('a value of %s is an error, not a score', (value) => {
  const data = new Float32Array(16).fill(0.5);
  data[5] = value;
  const square = Int32Array.of(0, 0, 2, 0, 2, 2, 0, 2);
  const { message } = errorOf('invalid-argument', () => polygonScore({ data, width: 4, height: 4 }, square));
  expect(message).toContain('finite');
  expect(polygonScore({ data, width: 4, height: 4 }, Int32Array.of(3, 3))).toBe(0.5);
});
