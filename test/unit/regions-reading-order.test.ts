import { describe, expect, it } from 'vitest';
import { readingOrder } from '../../src/index.ts';
import { seededRandom } from '../helpers/random.ts';

type Point = [number, number];
interface Word {
  name: string;
  points: Point[];
}

const word = (name: string, x: number, y: number, width: number, height = 20): Word => ({
  name,
  points: [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
  ],
});

/** A page of lines, each with words of several widths, and a heading. */
const page: Word[] = [
  word('heading', 40, 20, 400, 44),
  ...[0, 1, 2, 3, 4].flatMap((line) =>
    [0, 1, 2, 3, 4, 5].map((column) => {
      const jitter = ((line * 7 + column * 5) % 5) - 2;
      return word(
        `${line}.${column}`,
        40 + column * 90,
        90 + line * 30 + jitter,
        60 + ((line + column) % 3) * 8,
      );
    }),
  ),
];

function turned(words: Word[], degrees: number): Word[] {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const points = ([x, y]: Point): Point => [500 + x * cos - y * sin, 500 + x * sin + y * cos];
  return words.map((item) => ({ ...item, points: item.points.map(points) }));
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const next = seededRandom(seed);
  return items
    .map((item) => ({ item, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

const names = (words: readonly Word[]) => words.map(({ name }) => name);

describe('readingOrder', () => {
  it.each([-40, -12, -5, -1, 0, 2, 7, 20, 44])('orders a page that is turned by %i degrees', (degrees) => {
    for (const seed of [1, 2, 3]) {
      const given = shuffled(turned(page, degrees), seed);
      const copy = [...given];
      expect(names(readingOrder(given))).toEqual(names(page));
      expect(given).toEqual(copy);
    }
  });

  it('follows a line that bends', () => {
    const arc = Array.from({ length: 9 }, (_, i) => word(`arc ${i}`, 50 * i, 1.2 * (i - 4) ** 2, 44));
    const below = Array.from({ length: 9 }, (_, i) =>
      word(`below ${i}`, 50 * i, 30 + 1.2 * (i - 4) ** 2, 44),
    );
    expect(names(readingOrder(shuffled([...below, ...arc], 4)))).toEqual(names([...arc, ...below]));
  });

  it('keeps large text and small text beside it on one line', () => {
    const words = [word('price', 0, 0, 80, 50), word('unit', 90, 25, 30, 20), word('next', 0, 60, 50)];
    expect(names(readingOrder([words[2], words[1], words[0]]))).toEqual(names(words));
  });

  it('is the order given where nothing else decides, and takes outlines of any number of points', () => {
    const twins = [word('first', 5, 5, 50), word('second', 5, 5, 50)];
    expect(names(readingOrder(twins))).toEqual(['first', 'second']);
    expect(names(readingOrder([...twins].reverse()))).toEqual(['second', 'first']);
    const triangle: Word = {
      name: 'triangle',
      points: [
        [80, 5],
        [95, 5],
        [90, 24],
      ],
    };
    expect(names(readingOrder([triangle, ...twins]))).toEqual(['first', 'second', 'triangle']);
    const flat: Word = {
      name: 'flat',
      points: [
        [0, 90],
        [10, 90],
        [20, 90],
      ],
    };
    expect(names(readingOrder([flat, triangle]))).toEqual(['triangle', 'flat']);
    expect(readingOrder([])).toEqual([]);
  });

  it('reads lines across columns, as it says', () => {
    const columns = [
      word('left 1', 0, 0, 50),
      word('right 1', 300, 2, 50),
      word('left 2', 0, 40, 50),
      word('right 2', 300, 42, 50),
    ];
    expect(names(readingOrder(shuffled(columns, 2)))).toEqual(names(columns));
  });
});
