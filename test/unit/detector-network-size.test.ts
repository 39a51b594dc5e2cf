/** @file The size at which the network runs. */

import { describe, expect, it } from 'vitest';
import { checkSize, networkSize, shrinkWarning } from '../../src/input/size.ts';
import type { SizeOption } from '../../src/input/types.ts';
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
    // A bound that is no multiple of 32 is rounded down.
    expect(sizeOf(1000, 4000, { shortSide: 900, maxLongSide: 400 })).toBe('96x384');
    expect(sizeOf(4000, 4000, { shortSide: 900, maxLongSide: 63 })).toBe('32x32');
    expect(sizeOf(1000, 800, { shortSide: 64, maxLongSide: 2048 })).toBe('96x64');
  });

  it('never exceeds the bound, whatever it is', () => {
    const images = [
      [1280, 720],
      [720, 1280],
      [1000, 1000],
      [4000, 300],
      [60, 20],
      [250, 14400],
      [1, 1],
    ];
    let tried = 0;
    for (let maxLongSide = 32; maxLongSide <= 2100; maxLongSide++) {
      for (const [width, height] of images) {
        for (const shortSide of [736, 1024, 2000]) {
          const size = networkSize({ width, height }, { maxLongSide, shortSide }, 736);
          tried++;
          if (Math.max(size.width, size.height) <= maxLongSide && size.width >= 32 && size.height >= 32)
            continue;
          expect.unreachable(`${width}x${height}, ${maxLongSide}: ${size.width}x${size.height}`);
        }
      }
    }
    expect(tried).toBe(2069 * 21);
  });

  it('enlarges a small image no more than so many times, 4 unless stated', () => {
    expect(sizeOf(60, 20)).toBe('256x96');
    expect(sizeOf(60, 20, { maxScale: 2 })).toBe('128x32');
    expect(sizeOf(60, 20, { maxScale: 1 })).toBe('64x32');
    expect(sizeOf(60, 20, { maxScale: 65504 })).toBe('2048x672');
    expect(sizeOf(60, 20, { shortSide: 736 })).toBe('256x96');
    // Photos are not that small.
    expect(sizeOf(320, 240, {}, 736)).toBe('992x736');
    expect(sizeOf(640, 480, {}, 1024)).toBe('1376x1024');
  });

  it('is a square of the short side where no image is known', () => {
    expect(networkSize(undefined, undefined, 736)).toEqual({ width: 736, height: 736 });
    expect(networkSize(undefined, { shortSide: 320 }, 736)).toEqual({ width: 320, height: 320 });
    expect(networkSize(undefined, { maxLongSide: 640 }, 736)).toEqual({ width: 640, height: 640 });
    expect(networkSize(undefined, { width: 64, height: 32 }, 736)).toEqual({ width: 64, height: 32 });
  });

  it('is never below 32', () => {
    expect(sizeOf(16384, 10)).toBe('2048x32');
    expect(sizeOf(1, 1, { shortSide: 32 })).toBe('32x32');
    expect(sizeOf(10, 16384, { maxLongSide: 32 })).toBe('32x32');
  });

  it('follows the rule for every size', () => {
    for (let width = 1; width < 3000; width += 97) {
      for (let height = 1; height < 3000; height += 89) {
        const s = Math.min(480 / Math.min(width, height), 1600 / Math.max(width, height), 4);
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

describe('shrinkWarning', () => {
  const warn = (width: number, height: number, option?: SizeOption, shortSide = 1024) =>
    shrinkWarning({ width, height }, networkSize({ width, height }, option, shortSide), option, shortSide);

  it('says what the bound on the long side costs a long image, and what to do', () => {
    const warning = warn(250, 14400)!;
    expect(warning).toMatchObject({ code: 'text-shrunk', sufficientLongSide: 14400 });
    expect(warning.scale).toBeCloseTo(32 / 250, 6);
    expect(warning.message).toContain('250x14400 ran at 32x2048');
    expect(warning.message).toContain('size: { maxLongSide: 14400 }');
    expect(warn(250, 14400, { maxLongSide: warning.sufficientLongSide })).toBeUndefined();
    // A panorama that is to be shrunk anyway, but not so far.
    expect(warn(20000, 2000)).toMatchObject({ sufficientLongSide: 10240 });
    expect(warn(20000, 2000, { maxLongSide: 10240 })).toBeUndefined();
  });

  it('has nothing to say of what is usual, and of a short side that was asked for', () => {
    for (const [width, height] of [
      [1280, 720],
      [4000, 3000],
      [60, 20],
      [1, 1],
      [33, 47],
      [3000, 1200],
    ]) {
      expect(warn(width, height)).toBeUndefined();
      expect(warn(width, height, { shortSide: 64 })).toBeUndefined();
    }
  });

  it('compares a fixed size with what the weights ask for', () => {
    expect(warn(250, 14400, { width: 640, height: 640 })).toMatchObject({ sufficientLongSide: 14400 });
    expect(warn(4000, 3000, { width: 320, height: 256 })).toMatchObject({ sufficientLongSide: 1376 });
    expect(warn(1280, 720, { width: 960, height: 544 })).toBeUndefined();
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
    [{ maxScale: 0.5 }, 'size.maxScale'],
    [{ maxScale: '2' }, 'size.maxScale'],
    [{ width: 640, height: 480, maxScale: 2 }, 'size'],
    [{ maxLongSide: Infinity }, 'size.maxLongSide'],
  ];
  for (const [option, name] of wrong) {
    it(`${print(option)}: ${name}`, () => {
      const { message } = errorOf('invalid-argument', () => checkSize(option));
      expect(message).toContain(`${name}: expected`);
    });
  }
});
