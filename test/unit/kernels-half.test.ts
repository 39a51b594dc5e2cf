/** @file Numbers to halves: all of them back and forth, and every way of rounding. */

import { describe, expect, it } from 'vitest';
import { toHalf } from '../../src/kernels/half.ts';
import { randomFloats } from '../gpu/assert.ts';
import { fromHalf } from '../gpu/precision.ts';

const half = (value: number): number => toHalf(Float32Array.of(value))[0];
const rounded = (value: number): number => fromHalf(toHalf(Float32Array.of(value)))[0];

describe('toHalf', () => {
  it('gives back every one of the 65,536 halves; every NaN stays a NaN', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = fromHalf(all);
    const again = toHalf(values);
    const isNaNHalf = (bits: number) => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
    const wrong = [...all].filter((bits) =>
      isNaNHalf(bits) ? !isNaNHalf(again[bits]) : again[bits] !== bits,
    );
    expect(wrong).toEqual([]);
    expect([values[0x3c00], values[0x7bff], values[1], values[0xfc00]]).toEqual([
      1,
      65504,
      2 ** -24,
      -Infinity,
    ]);
  });

  it('rounds halfway cases to even', () => {
    expect(rounded(1 + 2 ** -11)).toBe(1);
    expect(rounded(1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
    expect(rounded(1 + 2 ** -11 + 2 ** -20)).toBe(1 + 2 ** -10);
    expect(rounded(-2049)).toBe(-2048);
    expect(rounded(-2051)).toBe(-2052);
    // The carry goes into the exponent.
    expect(rounded(2 - 2 ** -12)).toBe(2);
  });

  it('rounds at the ends of the range', () => {
    expect(rounded(65519.99)).toBe(65504);
    expect(rounded(65520)).toBe(Infinity);
    expect(rounded(-1e30)).toBe(-Infinity);
    expect(half(Infinity)).toBe(0x7c00);
    expect(half(-Infinity)).toBe(0xfc00);
    expect(rounded(Number.NaN)).toBeNaN();
  });

  it('rounds subnormal halves to multiples of 2^-24', () => {
    const unit = 2 ** -24;
    expect(rounded(0.5 * unit)).toBe(0);
    expect(rounded(0.500001 * unit)).toBe(unit);
    expect(rounded(1.5 * unit)).toBe(2 * unit);
    expect(rounded(2.5 * unit)).toBe(2 * unit);
    expect(rounded(1022.5 * unit)).toBe(1022 * unit);
    // Up into the normal halves.
    expect(rounded(1023.5 * unit)).toBe(2 ** -14);
    expect(half(-0)).toBe(0x8000);
    expect(half(-1e-30)).toBe(0x8000);
    expect(half(2 ** -149)).toBe(0);
  });

  it('gives the nearest half', () => {
    const powers = randomFloats(20_000, 1, -27, 16);
    const signs = randomFloats(20_000, 2);
    for (let i = 0; i < powers.length; i++) {
      const value = Math.fround(Math.sign(signs[i]) * 2 ** powers[i]);
      const bits = half(value);
      const distance = (other: number) => Math.abs(fromHalf(Uint16Array.of(other))[0] - value);
      const own = distance(bits);
      // The neighbours of a half in magnitude are the neighbouring bit patterns.
      expect(own).toBeLessThanOrEqual(distance(bits + 1));
      if (bits & 0x7fff) expect(own).toBeLessThanOrEqual(distance(bits - 1));
    }
  });
});
