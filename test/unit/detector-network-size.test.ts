/** @file The size at which the network runs. */

import { describe, expect, it } from 'vitest';
import { lossWarning, smallerSize } from '../../src/detect/smaller-size.ts';
import { checkSize, networkSize, shrinkWarning } from '../../src/input/size.ts';
import type { SizeOption, SizeRule } from '../../src/input/types.ts';
import { contentOf, type PaddedSize, type Size } from '../../src/size.ts';
import { errorOf } from './safetensors-helpers.ts';

const shortSideOf = (value: number): SizeRule => ({ rule: 'shortSide', value, multipleOf: 32 });
const ours = shortSideOf(736);

const sizeOf = (width: number, height: number, option?: SizeOption, shortSide = 736) => {
  const size = networkSize({ width, height }, option, shortSideOf(shortSide));
  return `${size.width}x${size.height}`;
};

const warningOf = (width: number, height: number, rule: SizeRule, option?: SizeOption) =>
  shrinkWarning({ width, height }, networkSize({ width, height }, option, rule), option, rule);

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
          const size = networkSize({ width, height }, { maxLongSide, shortSide }, ours);
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
    expect(networkSize(undefined, undefined, ours)).toEqual({ width: 736, height: 736 });
    expect(networkSize(undefined, { shortSide: 320 }, ours)).toEqual({ width: 320, height: 320 });
    expect(networkSize(undefined, { maxLongSide: 640 }, ours)).toEqual({ width: 640, height: 640 });
    expect(networkSize(undefined, { width: 64, height: 32 }, ours)).toEqual({ width: 64, height: 32 });
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

describe('smallerSize', () => {
  it('is about half the area, multiples of 32, and always smaller', () => {
    expect(smallerSize({ width: 1312, height: 736 })).toEqual({ width: 896, height: 512 });
    expect(smallerSize({ width: 64, height: 32 })).toEqual({ width: 32, height: 32 });
    expect(smallerSize({ width: 2048, height: 32 })).toEqual({ width: 1408, height: 32 });
    expect(smallerSize({ width: 32, height: 32 })).toBeUndefined();
    for (let side = 64; side <= 4096; side += 32) {
      const { width } = smallerSize({ width: side, height: 32 })!;
      expect([width % 32, width < side, width > side / 2 - 1]).toEqual([0, true, true]);
    }
  });

  it('keeps the aspect of what does not fill it', () => {
    const content = { width: 1024, height: 690 };
    expect(smallerSize({ width: 1024, height: 704, content })).toEqual({
      width: 704,
      height: 480,
      content: { width: 704, height: 474 },
    });
    for (let side = 33; side < 2000; side++) {
      const size = { width: Math.ceil(side / 32) * 32, height: 32, content: { width: side, height: 7 } };
      const smaller = smallerSize(size)!;
      expect(smaller.width).toBeLessThan(size.width);
      expect(contentOf(smaller).height).toBeGreaterThanOrEqual(1);
    }
  });

  it('is said', () => {
    const wanted = { width: 1312, height: 736 };
    const { code, lostAt, message } = lossWarning(wanted, smallerSize(wanted)!);
    expect([code, lostAt]).toEqual(['smaller-after-loss', wanted]);
    expect(message).toMatch(/lost .* at 1312x736.* ran again at 896x512/);
  });
});

describe('shrinkWarning', () => {
  const warn = (width: number, height: number, option?: SizeOption, shortSide = 1024) =>
    warningOf(width, height, shortSideOf(shortSide), option);

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

const fitting = (shortSide: number, longSide: number): SizeRule => ({
  rule: 'fit',
  shortSide,
  longSide,
  multipleOf: 32,
});
const limiting = (side: 'long' | 'short', value: number, longest = 4000): SizeRule => ({
  rule: 'limit',
  side,
  value,
  longest,
  multipleOf: 32,
});
const fixed: SizeRule = { rule: 'fixed', width: 1280, height: 736 };

/** A size as `1312x736`, or with its content as `1308x736 in 1312x736`. */
const told = (size: PaddedSize) => {
  const word = ({ width, height }: Size) => `${width}x${height}`;
  return size.content ? `${word(size.content)} in ${word(size)}` : word(size);
};

describe('the rules of other publishers', () => {
  // Computed with Python by the code of mmcv.rescale_size and of PaddleOCR's DetResizeForTest.
  const rules = [
    fitting(736, 1333),
    fitting(1024, 4068),
    limiting('long', 960),
    limiting('short', 736),
    limiting('short', 64),
  ];
  it.each([
    ['1280x720', '1308x736 in 1312x736', '1820x1024 in 1824x1024', '960x544', '1312x736', '1280x704'],
    ['720x1280', '736x1308 in 736x1312', '1024x1820 in 1024x1824', '544x960', '736x1312', '704x1280'],
    ['640x480', '981x736 in 992x736', '1365x1024 in 1376x1024', '640x480', '992x736', '640x480'],
    ['1000x667', '1103x736 in 1120x736', '1535x1024 in 1536x1024', '960x640', '1088x736', '992x672'],
    ['4000x3000', '981x736 in 992x736', '1365x1024 in 1376x1024', '960x704', '4000x3008', '4000x3008'],
    ['3000x4000', '736x981 in 736x992', '1024x1365 in 1024x1376', '704x960', '3008x4000', '3008x4000'],
    ['4032x3024', '981x736 in 992x736', '1365x1024 in 1376x1024', '960x704', '4000x3008', '4000x3008'],
    ['250x14400', '23x1333 in 32x1344', '71x4068 in 96x4096', '32x960', '64x4000', '64x4000'],
    ['14400x250', '1333x23 in 1344x32', '4068x71 in 4096x96', '960x32', '4000x64', '4000x64'],
    ['1x1', '736x736 in 736x736', '1024x1024 in 1024x1024', '32x32', '736x736', '64x64'],
    ['33x47', '736x1048 in 736x1056', '1024x1458 in 1024x1472', '32x32', '736x1056', '64x96'],
    ['736x736', '736x736 in 736x736', '1024x1024 in 1024x1024', '736x736', '736x736', '736x736'],
    ['737x735', '738x736 in 768x736', '1027x1024 in 1056x1024', '736x736', '736x736', '736x736'],
    ['1333x736', '1333x736 in 1344x736', '1855x1024 in 1856x1024', '960x544', '1344x736', '1344x736'],
    ['1334x737', '1332x736 in 1344x736', '1853x1024 in 1856x1024', '960x544', '1344x736', '1344x736'],
    ['500x500', '736x736 in 736x736', '1024x1024 in 1024x1024', '512x512', '736x736', '512x512'],
    ['1365x1024', '981x736 in 992x736', '1365x1024 in 1376x1024', '960x704', '1376x1024', '1376x1024'],
    ['959x961', '736x738 in 736x768', '1024x1026 in 1024x1056', '960x960', '960x960', '960x960'],
    ['976x48', '1333x66 in 1344x96', '4068x200 in 4096x224', '960x32', '4000x192', '1312x64'],
    ['80x112', '736x1030 in 736x1056', '1024x1434 in 1024x1440', '64x128', '736x1024', '64x128'],
    ['1920x1080', '1308x736 in 1312x736', '1820x1024 in 1824x1024', '960x544', '1920x1088', '1920x1088'],
    ['65535x3', '1333x1 in 1344x32', '4068x1 in 4096x32', '960x32', '4000x32', '4000x32'],
    ['3x65535', '1x1333 in 32x1344', '1x4068 in 32x4096', '32x960', '32x4000', '32x4000'],
    ['2x9999', '1x1333 in 32x1344', '1x4068 in 32x4096', '32x960', '32x4000', '32x4000'],
  ])('%s', (image, ...expected) => {
    const [width, height] = image.split('x').map(Number);
    const filled = (text: string) => text.replace(/^(.+) in \1$/, '$1');
    expect(rules.map((rule) => told(networkSize({ width, height }, undefined, rule)))).toEqual(
      expected.map(filled),
    );
  });

  it.each([
    [rules[0], 2801513111],
    [rules[1], 1537635992],
    [rules[2], 4248600608],
    [rules[3], 789397312],
    [limiting('long', 1000, 900), 1730207328],
  ])('%j gives the sizes that Python gives to 218,000 images', (rule, expected) => {
    let digest = 0;
    const add = (value: number) => {
      digest = (Math.imul(digest, 31) + value) >>> 0;
    };
    for (let width = 1; width < 4100; width += 7) {
      for (let height = 1; height < 4100; height += 11) {
        const size = networkSize({ width, height }, undefined, rule);
        const content = contentOf(size);
        if (rule.rule === 'fit') [content.width, content.height].forEach(add);
        [size.width, size.height].forEach(add);
      }
    }
    expect(digest).toBe(expected);
  });

  it('a fixed size is that of all images', () => {
    for (const image of [undefined, { width: 1, height: 9 }, { width: 4000, height: 3000 }])
      expect(networkSize(image, undefined, fixed)).toEqual({ width: 1280, height: 736 });
  });

  const all = [...rules, fixed];

  it('give way to a size that is asked for, and to a short side, which is our rule', () => {
    for (const rule of all) {
      expect(networkSize({ width: 99, height: 9 }, { width: 320, height: 64 }, rule)).toEqual({
        width: 320,
        height: 64,
      });
      for (const option of [
        { shortSide: 480 },
        { shortSide: 480, maxLongSide: 640 },
        { shortSide: 64, maxScale: 1 },
      ]) {
        const image = { width: 1000, height: 667 };
        expect(networkSize(image, option, rule)).toEqual(networkSize(image, option, ours));
      }
    }
  });

  it('take a bound on the long side in place of their own, and keep it', () => {
    const sizes = (option: SizeOption, width: number, height: number) =>
      all.map((rule) => told(networkSize({ width, height }, option, rule)));
    expect(sizes({ maxLongSide: 640 }, 1280, 720)).toEqual([
      '640x360 in 640x384',
      '640x360 in 640x384',
      '640x352',
      '640x352',
      '640x352',
      '640x352',
    ]);
    expect(sizes({ maxLongSide: 5000 }, 8000, 1000)).toEqual([
      '4992x624 in 4992x640',
      '4992x624 in 4992x640',
      '4992x640',
      '4992x640',
      '4992x640',
      '4992x640',
    ]);
    for (const rule of all) {
      for (let maxLongSide = 32; maxLongSide < 1500; maxLongSide += 5) {
        for (const [width, height] of [
          [1280, 720],
          [37, 3000],
          [999, 998],
        ]) {
          const size = networkSize({ width, height }, { maxLongSide }, rule);
          expect(Math.max(size.width, size.height), `${told(size)}, ${maxLongSide}`).toBeLessThanOrEqual(
            maxLongSide,
          );
        }
      }
    }
  });

  it('enlarge small images no more than maxScale says, where it is given', () => {
    const sizes = (option: SizeOption) =>
      all.map((rule) => told(networkSize({ width: 100, height: 50 }, option, rule)));
    expect(sizes({})).toEqual([
      '1333x667 in 1344x672',
      '2048x1024',
      '96x64',
      '1472x736',
      '128x64',
      '1280x736',
    ]);
    expect(sizes({ maxScale: 2 })).toEqual([
      '200x100 in 224x128',
      '200x100 in 224x128',
      '96x64',
      '192x96',
      '128x64',
      '192x96',
    ]);
  });

  it('are a square of their own side where no image is known', () => {
    expect(all.map((rule) => told(networkSize(undefined, undefined, rule)))).toEqual([
      '736x736',
      '1024x1024',
      '960x960',
      '736x736',
      '64x64',
      '1280x736',
    ]);
    expect(all.map((rule) => told(networkSize(undefined, { maxLongSide: 320 }, rule)))).toEqual([
      '320x320',
      '320x320',
      '320x320',
      '320x320',
      '64x64',
      '320x320',
    ]);
  });

  it('warn of text that their bound on the long side shrinks, and what is advised helps', () => {
    for (const rule of all) {
      const warning = warningOf(250, 14400, rule);
      expect(warning, told(networkSize({ width: 250, height: 14400 }, undefined, rule))).toBeDefined();
      const { sufficientLongSide } = warning!;
      expect(warningOf(250, 14400, rule, { maxLongSide: sufficientLongSide })).toBeUndefined();
    }
    const warned = (width: number, height: number) =>
      all.map((rule) => warningOf(width, height, rule) !== undefined);
    const none = all.map(() => false);
    for (const [width, height] of [
      [1280, 720],
      [3000, 4000],
      [60, 20],
      [1, 1],
      [1900, 960],
    ])
      expect(warned(width, height), `${width}x${height}`).toEqual(none);
    // What of the network's size is padding is no scale.
    expect(warningOf(250, 14400, rules[0])).toMatchObject({ scale: 23 / 250, sufficientLongSide: 14400 });
    expect(warningOf(250, 14400, rules[0])!.message).toContain('ran at 23x1333,');
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
