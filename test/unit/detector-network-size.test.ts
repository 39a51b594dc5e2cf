/** @file The size at which the network runs. */

import { describe, expect, it } from 'vitest';
import { checkSize, networkSize } from '../../src/detector/network-size.ts';
import type { SizeOption } from '../../src/detector/types.ts';
import { errorOf } from './safetensors-helpers.ts';

const sizeOf = (width: number, height: number, option?: SizeOption, shortSide = 736) => {
  const size = networkSize({ width, height }, option, shortSide);
  return `${size.width}x${size.height}`;
};

describe('networkSize', () => {
  it('scales the short side to the default and each side to the nearest multiple of 32', () => {
    expect(sizeOf(1280, 720)).toBe('1312x736');
    expect(sizeOf(720, 1280)).toBe('736x1312');
    expect(sizeOf(736, 736)).toBe('736x736');
    // 480 / 480: 640 stays; 16 above a multiple goes up, less goes down.
    expect(sizeOf(640, 480, { shortSide: 480 })).toBe('640x480');
    expect(sizeOf(656, 480, { shortSide: 480 })).toBe('672x480');
    expect(sizeOf(655, 480, { shortSide: 480 })).toBe('640x480');
    expect(sizeOf(500, 500, { shortSide: 500 })).toBe('512x512');
  });

  it('lets the bound on the long side win, 2048 unless stated', () => {
    expect(sizeOf(4000, 1000)).toBe('2048x512');
    expect(sizeOf(4000, 1000, { maxLongSide: 1024 })).toBe('1024x256');
    // 12.5 multiples of 32 become 13: rounding comes after the bound.
    expect(sizeOf(1000, 4000, { shortSide: 900, maxLongSide: 400 })).toBe('96x416');
    expect(sizeOf(1000, 800, { shortSide: 64, maxLongSide: 2048 })).toBe('96x64');
  });

  it('is never below 32', () => {
    expect(sizeOf(16384, 10)).toBe('2048x32');
    expect(sizeOf(1, 1, { shortSide: 32 })).toBe('32x32');
    expect(sizeOf(10, 16384, { maxLongSide: 32 })).toBe('32x32');
  });

  it('follows the rule for every size', () => {
    for (let width = 1; width < 3000; width += 97) {
      for (let height = 1; height < 3000; height += 89) {
        const s = Math.min(480 / Math.min(width, height), 1600 / Math.max(width, height));
        const side = (value: number) => Math.max(32, Math.floor((value * s) / 32 + 0.5) * 32);
        expect(sizeOf(width, height, { shortSide: 480, maxLongSide: 1600 })).toBe(
          `${side(width)}x${side(height)}`,
        );
      }
    }
  });

  it('takes a fixed size as it is', () => {
    expect(sizeOf(1, 16384, { width: 320, height: 64 })).toBe('320x64');
    expect(sizeOf(5, 5, { width: 65504, height: 32 })).toBe('65504x32');
  });

  it('takes the default for what is left out or undefined', () => {
    expect(sizeOf(1280, 720, {}, 352)).toBe('640x352');
    expect(sizeOf(1280, 720, { shortSide: undefined, maxLongSide: 640 }, 352)).toBe('640x352');
    expect(checkSize(undefined)).toEqual({});
  });
});

/** An option as one writes it. */
const print = (option: unknown) =>
  JSON.stringify(option, (_, value) =>
    Number.isFinite(value) || typeof value !== 'number' ? value : `${value}`,
  );

describe('wrong sizes', () => {
  const wrong: [option: unknown, name: string][] = [
    [null, 'size'],
    [640, 'size'],
    ['640x480', 'size'],
    [{ shortside: 640 }, 'size'],
    [{ width: 640, height: 480, depth: 3 }, 'size'],
    [{ width: 640, height: 480, shortSide: 480 }, 'size'],
    [{ width: 640 }, 'size.height'],
    [{ height: 640 }, 'size.width'],
    [{ width: 650, height: 480 }, 'size.width'],
    [{ width: 0, height: 480 }, 'size.width'],
    [{ width: -32, height: 480 }, 'size.width'],
    [{ width: 640, height: Number.NaN }, 'size.height'],
    [{ width: 640, height: Infinity }, 'size.height'],
    [{ width: 640, height: '480' }, 'size.height'],
    [{ width: 65536, height: 32 }, 'size.width'],
    [{ shortSide: 31 }, 'size.shortSide'],
    [{ shortSide: Number.NaN }, 'size.shortSide'],
    [{ shortSide: '736' }, 'size.shortSide'],
    [{ maxLongSide: null }, 'size.maxLongSide'],
    [{ maxLongSide: Infinity }, 'size.maxLongSide'],
  ];
  for (const [option, name] of wrong) {
    it(`${print(option)}: ${name}`, () => {
      const { message } = errorOf('invalid-argument', () => checkSize(option));
      expect(message).toContain(`${name}: expected`);
    });
  }
});
