/** @file Pictures in and out: formats, orientation, odd and damaged files. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { createImageCodec } from '../../cli/image-codec.ts';
import { drawOverlay } from '../../cli/overlay.ts';
import { DBNetError } from '../../src/errors.ts';
import { flatten } from '../../src/input/background.ts';
import type { RawImage } from '../../src/input/types.ts';
import { box, temporaryFolder } from './cli-fakes.ts';

const codec = createImageCodec();
const COLOUR = { r: 200, g: 100, b: 50 };
const plain = () => sharp({ create: { width: 16, height: 8, channels: 3, background: COLOUR } });

async function decode(bytes: Uint8Array, options?: { ignoreOrientation: boolean }): Promise<RawImage> {
  const path = join(temporaryFolder(), 'picture');
  writeFileSync(path, bytes);
  return codec.decode(path, options);
}

async function refusal(promise: Promise<unknown>): Promise<DBNetError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DBNetError) return error;
  throw new Error(`expected a DBNetError, found ${error}`);
}

const pixel = ({ data, width, channels }: RawImage, x: number, y: number) => [
  ...data.subarray(channels * (y * width + x), channels * (y * width + x) + 3),
];

describe('formats', () => {
  test.each([
    ['PNG', plain().png(), [200, 100, 50], 0],
    ['JPEG', plain().jpeg({ quality: 100 }), [200, 100, 50], 2],
    ['WebP', plain().webp({ lossless: true }), [200, 100, 50], 0],
    ['palette PNG', plain().png({ palette: true }), [200, 100, 50], 0],
    ['16-bit PNG', plain().toColourspace('rgb16').png(), [200, 100, 50], 0],
    ['grey PNG', plain().toColourspace('b-w').png(), [128, 128, 128], 1],
    ['16-bit grey PNG', plain().toColourspace('grey16').png(), [128, 128, 128], 1],
    ['grey JPEG', plain().toColourspace('b-w').jpeg(), [128, 128, 128], 2],
    ['CMYK JPEG', plain().toColourspace('cmyk').jpeg({ quality: 100 }), [200, 100, 50], 40],
  ])('%s becomes 8-bit RGB', async (_, picture, colour, tolerance) => {
    const image = await decode(await picture.toBuffer());
    expect(image).toMatchObject({ width: 16, height: 8, channels: 3 });
    expect(image.data.length).toBe(16 * 8 * 3);
    for (const [i, value] of pixel(image, 9, 5).entries()) {
      expect(Math.abs(value - colour[i])).toBeLessThanOrEqual(tolerance);
    }
  });
});

describe('alpha', () => {
  test.each([
    ['transparent PNG', plain().ensureAlpha(0).png(), [255, 255, 255], [0, 9, 99], 0],
    ['opaque PNG', plain().ensureAlpha(1).png(), [200, 100, 50], [200, 100, 50], 0],
    ['WebP', plain().ensureAlpha(0.5).webp({ lossless: true }), [227, 177, 152], [100, 54, 74], 1],
    ['grey PNG', plain().toColourspace('b-w').ensureAlpha(0.5).png(), [191, 191, 191], [64, 68, 113], 1],
    ['palette PNG', plain().ensureAlpha(0.5).png({ palette: true }), [227, 177, 152], [100, 54, 74], 1],
    ['16-bit PNG', plain().ensureAlpha(0.5).toColourspace('rgb16').png(), [227, 177, 152], [100, 54, 74], 1],
  ])(
    'of a %s stays, straight, for the detector to compose',
    async (_, picture, onWhite, onBlue, tolerance) => {
      const image = await decode(await picture.toBuffer());
      expect(image).toMatchObject({ width: 16, height: 8, channels: 4 });
      for (const [background, colour] of [
        [[255, 255, 255], onWhite],
        [[0, 9, 99], onBlue],
      ] as const) {
        for (const [i, value] of pixel(flatten(image, background), 9, 5).entries()) {
          expect(Math.abs(value - colour[i])).toBeLessThanOrEqual(tolerance);
        }
      }
    },
  );
});

describe('EXIF orientation', () => {
  // Upright: red top-left, green top-right, blue bottom-left, white bottom-right; 16 x 8.
  const corners = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 255],
  ];
  const [width, height] = [16, 8];
  const upright = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      upright.set(corners[(x < width / 2 ? 0 : 1) + (y < height / 2 ? 0 : 2)], 3 * (y * width + x));
    }
  }

  /** The pixels that a camera stores with an orientation tag: the inverse of what a viewer does. */
  async function stored(orientation: number): Promise<Uint8Array> {
    const swaps = orientation >= 5;
    const [w, h] = swaps ? [height, width] : [width, height];
    const pixels = new Uint8Array(w * h * 3);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const source: Record<number, [number, number]> = {
          1: [x, y],
          2: [w - 1 - x, y],
          3: [w - 1 - x, h - 1 - y],
          4: [x, h - 1 - y],
          5: [y, x],
          6: [h - 1 - y, x],
          7: [h - 1 - y, w - 1 - x],
          8: [y, w - 1 - x],
        };
        const [sx, sy] = source[orientation];
        const at = 3 * (sy * width + sx);
        pixels.set(upright.subarray(at, at + 3), 3 * (y * w + x));
      }
    }
    return sharp(pixels, { raw: { width: w, height: h, channels: 3 } })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .withMetadata({ orientation })
      .toBuffer();
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('%i is applied, or left alone on request', async (orientation) => {
    const bytes = await stored(orientation);
    const image = await decode(bytes);
    expect(image).toMatchObject({ width, height });
    const found = [pixel(image, 2, 2), pixel(image, 13, 2), pixel(image, 2, 5), pixel(image, 13, 5)];
    for (const [i, colour] of found.entries()) {
      for (const [c, value] of colour.entries()) expect(Math.abs(value - corners[i][c])).toBeLessThan(12);
    }
    const raw = await decode(bytes, { ignoreOrientation: true });
    expect([raw.width, raw.height]).toEqual(orientation >= 5 ? [height, width] : [width, height]);
  });
});

describe('JPEG files with odd headers', () => {
  const gradient = Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (i * 7) % 251);
  const picture = () => sharp(gradient, { raw: { width: 40, height: 24, channels: 3 } });

  /** Where the segment of a marker begins. */
  function segment(bytes: Uint8Array, code: number): number {
    for (let at = 2; at < bytes.length; at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3])) {
      if (bytes[at + 1] === code) return at;
    }
    throw new Error(`there is no marker ${code.toString(16)}`);
  }
  const scanHeader = (bytes: Uint8Array) => {
    const at = segment(bytes, 0xda);
    return at + 5 + 2 * bytes[at + 4];
  };
  const insert = (bytes: Uint8Array, at: number, what: number[]) =>
    Uint8Array.of(...bytes.subarray(0, at), ...what, ...bytes.subarray(at));
  const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
  const jfif = (major: number) => [0xff, 0xe0, 0, 16, ...ascii('JFIF'), 0, major, 1, 0, 0, 1, 0, 1, 0, 0];
  const adobe = (transform: number) => [0xff, 0xee, 0, 14, ...ascii('Adobe'), 0, 100, 0, 0, 0, 0, transform];

  /** What cameras and editors write, and the same without it. */
  const oddities: [string, () => Promise<Uint8Array>, (whole: Uint8Array) => Uint8Array][] = [
    [
      'a scan header of 0, 0, 0',
      () => picture().jpeg().toBuffer(),
      (whole) => {
        const odd = whole.slice();
        odd.fill(0, scanHeader(odd), scanHeader(odd) + 3);
        return odd;
      },
    ],
    ['JFIF version 2', () => picture().jpeg().toBuffer(), (whole) => insert(whole, 2, jfif(2))],
    [
      'a colour transform that is none',
      () => picture().jpeg().toBuffer(),
      (whole) => insert(whole, 2, adobe(9)),
    ],
    [
      'bytes between segments',
      () => picture().jpeg().toBuffer(),
      (whole) => insert(whole, segment(whole, 0xc0), [0, 0, 0xff, 0, 7]),
    ],
    [
      'all of them',
      () => picture().jpeg().toBuffer(),
      (whole) => {
        const odd = whole.slice();
        odd.fill(0, scanHeader(odd), scanHeader(odd) + 3);
        return insert(insert(odd, segment(odd, 0xda), [1, 2, 3]), 2, [...jfif(7), ...adobe(200)]);
      },
    ],
    [
      'JFIF version 2 in a progressive file',
      () => picture().jpeg({ progressive: true }).toBuffer(),
      (whole) => insert(whole, 2, jfif(2)),
    ],
  ];

  test.each(oddities)('%s: read whole', async (_, encode, change) => {
    const whole = new Uint8Array(await encode());
    const odd = change(whole);
    expect(odd).not.toEqual(whole);
    expect(await decode(odd)).toEqual(await decode(whole));
  });

  test.each(oddities)('%s: refused when it is cut off or damaged', async (_, encode, change) => {
    const odd = change(new Uint8Array(await encode()));
    for (const bytes of [odd.subarray(0, odd.length - 40), odd.subarray(0, odd.length >> 1)]) {
      const error = await refusal(decode(bytes));
      expect([error.code, error.message]).toEqual([
        'invalid-image',
        expect.stringContaining('premature end of JPEG image'),
      ]);
    }
    const damaged = odd.slice();
    damaged.fill(0xff, odd.length - 60, odd.length - 20);
    expect((await refusal(decode(damaged))).code).toBe('invalid-image');
  });

  test('cut off anywhere, they are refused, and nothing hangs', async () => {
    const odd = oddities[4][2](new Uint8Array(await oddities[4][1]()));
    for (let length = 1; length < odd.length - 2; length += 17) {
      expect((await refusal(decode(odd.subarray(0, length)))).code).toBe('invalid-image');
    }
  });
});

describe('what is no picture', () => {
  test('a missing file, a folder, an empty file, text', async () => {
    const folder = temporaryFolder();
    const missing = await refusal(codec.decode(join(folder, 'none.jpg')));
    expect([missing.code, missing.message]).toEqual([
      'load-failed',
      'expected an image file, found no such file.',
    ]);
    mkdirSync(join(folder, 'dir.jpg'));
    const directory = await refusal(codec.decode(join(folder, 'dir.jpg')));
    expect([directory.code, directory.message]).toEqual([
      'load-failed',
      'expected an image file, found a folder.',
    ]);
    const empty = await refusal(decode(new Uint8Array(0)));
    expect([empty.code, empty.message]).toEqual([
      'invalid-image',
      'expected an image file, found an empty file.',
    ]);
    const text = await refusal(decode(new TextEncoder().encode('not a picture')));
    expect(text.code).toBe('invalid-image');
    expect(text.message).toMatch(/found 13 bytes that cannot be decoded \(.*unsupported image format\)/);
  });

  test('truncated and damaged files are refused, not half decoded', async () => {
    const noise = new Uint8Array(64 * 64 * 3);
    for (let i = 0, state = 1; i < noise.length; i++) {
      state = (state * 1103515245 + 12345) % 2147483648;
      noise[i] = state >> 16;
    }
    const picture = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    for (const encoded of [picture.clone().jpeg(), picture.clone().png(), picture.clone().webp()]) {
      const bytes = await encoded.toBuffer();
      expect((await refusal(decode(bytes.subarray(0, bytes.length >> 1)))).code).toBe('invalid-image');
      expect((await refusal(decode(bytes.subarray(0, 30)))).code).toBe('invalid-image');
    }
    const jpeg = new Uint8Array(await picture.jpeg().toBuffer());
    // Not any damage shows: a JPEG has no checksums. Markers where data should be do.
    jpeg.fill(0xff, jpeg.length >> 1, (jpeg.length >> 1) + 400);
    expect((await refusal(decode(jpeg))).code).toBe('invalid-image');
  });
});

test('a missing codec is asked for by name', async () => {
  const bare = createImageCodec(() => Promise.reject(new Error("Cannot find package 'sharp'\nstack")));
  const error = await refusal(bare.decode('a.jpg'));
  expect(error.code).toBe('missing-package');
  expect(error.message).toMatch(/npm install sharp \(Cannot find package 'sharp'\)/);
});

describe('overlay', () => {
  test.each(['png', 'jpg', 'webp'])('is written as .%s, of the size of the image', async (extension) => {
    const path = join(temporaryFolder(), `overlay.${extension}`);
    const image: RawImage = {
      data: new Uint8Array(200 * 100 * 3).fill(90),
      width: 200,
      height: 100,
      channels: 3,
    };
    const svg = drawOverlay([box(50, 40, 100, 30)], 200, 100);
    writeFileSync(path, await codec.encodeOverlay(image, svg, extension));
    const { format, width, height } = await sharp(readFileSync(path)).metadata();
    expect([format, width, height]).toEqual([extension === 'jpg' ? 'jpeg' : extension, 200, 100]);
    const drawn = await codec.decode(path);
    const [r, g, b] = pixel(drawn, 100, 40);
    expect(r).toBeGreaterThan(180);
    expect(g).toBeGreaterThan(150);
    expect(b).toBeLessThan(110);
    expect(Math.abs(pixel(drawn, 100, 55)[0] - 90)).toBeLessThan(4);
  });

  test('a size that the format cannot hold is named, without a stack', async () => {
    const image: RawImage = { data: new Uint8Array(16400 * 8), width: 16400, height: 8, channels: 1 };
    const error = await refusal(codec.encodeOverlay(image, drawOverlay([], 16400, 8), 'webp'));
    expect(error.code).toBe('invalid-image');
    expect(error.message).toMatch(/^expected a picture that \.webp can hold, found 16400 x 8 pixels \(/);
  });

  test('numbers stay inside the picture', () => {
    const svg = drawOverlay([box(-5, -5, 20, 10), box(190, 90, 30, 30)], 200, 100);
    const places = [...svg.matchAll(/translate\(([\d.-]+) ([\d.-]+)\) scale/g)].map((m) => [+m[1], +m[2]]);
    expect(places).toHaveLength(2);
    expect(places[0]).toEqual([0, 0]);
    expect(places[1][0]).toBeLessThanOrEqual(200);
    expect(places[1][1]).toBeLessThanOrEqual(100);
    expect(places[1][1]).toBeGreaterThan(50);
  });

  test('of small text is thin and without numbers, by the size of most regions', () => {
    const words = (height: number) => Array.from({ length: 5 }, (_, i) => box(40, 40 + 60 * i, 120, height));
    const [small, large] = [words(28), words(32)];
    const form = (regions: Parameters<typeof drawOverlay>[0]) => {
      const svg = drawOverlay(regions, 1200, 900);
      return { line: svg.match(/stroke="#ffe100" stroke-width="([\d.]+)"/)?.[1], numbers: /<rect/.test(svg) };
    };
    expect(form(small)).toEqual({ line: '1', numbers: false });
    expect(form(large)).toEqual({ line: '2.4', numbers: true });
    expect(form([...large, ...small.slice(0, 3)])).toEqual({ line: '2.4', numbers: true });
    expect(form([...large.slice(0, 3), ...small])).toEqual({ line: '1', numbers: false });
  });

  test('is the same for the same regions, and plain without any', () => {
    expect(drawOverlay([], 64, 32)).not.toMatch(/<path|<rect/);
    expect(drawOverlay([box(1, 2, 30, 10)], 64, 32)).toBe(drawOverlay([box(1, 2, 30, 10)], 64, 32));
  });
});
