import { describe, expect, it } from 'vitest';
import { Random } from '../../src/train/augmentation/random.ts';
import { errorOf } from './safetensors-helpers.ts';

const draw = (count: number, ...keys: [number, ...number[]]) => {
  const random = new Random(...keys);
  return Array.from({ length: count }, () => random.bits());
};

describe('Random', () => {
  it('gives the same numbers for the same keys, whatever was drawn before', () => {
    const uninterrupted = [0, 1, 2, 3].map((step) => draw(5, 42, step, 7));
    expect([2, 3].map((step) => draw(5, 42, step, 7))).toEqual(uninterrupted.slice(2));
  });

  it('gives these numbers on every platform', () => {
    expect(draw(3, 1, 2, 3)).toMatchInlineSnapshot(`
      [
        1140538819,
        2021629239,
        411503106,
      ]
    `);
  });

  it('gives other numbers for other keys, their order and their count', () => {
    const streams: [number, ...number[]][] = [
      [0],
      [1],
      [2 ** 32],
      [2 ** 53 - 1],
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 0, 0],
    ];
    const firsts = streams.map((keys) => draw(2, ...keys).join());
    expect(new Set(firsts).size).toBe(streams.length);
  });

  it('is even within streams and across neighbouring ones', () => {
    const within = new Random(3);
    const across = (i: number) => new Random(3, i).uniform();
    for (const next of [() => within.uniform(), across]) {
      const bins = new Float64Array(10);
      for (let i = 0; i < 10_000; i++) bins[Math.floor(10 * next(i))]++;
      // Chi-square of 9 degrees of freedom: above 27.9 once in a thousand.
      expect(bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(27.9);
    }
  });

  it('draws within bounds', () => {
    const random = new Random(5);
    for (let i = 0; i < 1000; i++) {
      const value = random.uniform(-10, 10);
      expect(value >= -10 && value < 10).toBe(true);
      expect([0, 1, 2]).toContain(random.integer(3));
      expect(['a', 'b']).toContain(random.pick(['a', 'b']));
    }
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  });

  it('draws normal numbers: mean 0, variance 1, kurtosis 3', () => {
    const random = new Random(6);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.03);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.05);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.3);
  });

  it('shuffles in place, every order as often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = new Random(8, i).shuffle(['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it('refuses keys and counts that are not whole numbers in range', () => {
    expect(errorOf('invalid-argument', () => new Random(-1)).message).toContain('seed');
    expect(errorOf('invalid-argument', () => new Random(0, 1, 0.5)).message).toContain('keys[1]');
    expect(errorOf('invalid-argument', () => new Random(0, Number.NaN)).message).toContain('NaN');
    expect(errorOf('invalid-argument', () => new Random(0).integer(0)).message).toContain('found 0');
    expect(errorOf('invalid-argument', () => new Random(0).pick([])).message).toContain('at least one item');
  });
});
