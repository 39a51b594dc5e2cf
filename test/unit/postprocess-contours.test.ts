import { describe, expect, it } from 'vitest';
import { frameBits } from '../../src/postprocess/binarize.ts';
import { createContourScratch, findContours, traceContours } from '../../src/postprocess/contours.ts';
import { contourAt, contourTexts, draw, type Mask, pairText, randomMask } from '../helpers/masks.ts';
import { seededRandom } from '../helpers/random.ts';

const contoursOf = ({ mask, width, height }: Mask) => findContours(mask, width, height);

describe('the contours of OpenCV 5.0 (RETR_LIST, CHAIN_APPROX_SIMPLE), in scan order', () => {
  const cases: [name: string, picture: string, contours: string[]][] = [
    ['a single pixel', '#', ['0,0']],
    [
      'lines and a dot',
      `#####.#
       .......
       #......
       #......`,
      ['0,0 4,0', '6,0', '0,2 0,3'],
    ],
    [
      'squares that touch at a corner: one component',
      `##..
       ##..
       ..##
       ..##`,
      ['0,0 0,1 1,1 2,2 2,3 3,3 3,2 2,2 1,1 1,0'],
    ],
    [
      'a ring with a tail, its hole, a dot',
      `.........
       ..####...
       ..#..#...
       ..#..##..
       ..####.#.
       ........#
       #.......#`,
      ['2,1 2,4 5,4 6,3 8,5 8,6 8,5 5,2 5,1', '2,2 3,1 4,1 5,2 5,3 4,4 3,4 2,3', '0,6'],
    ],
    [
      'a hole beside the edge of the image, and a notch at it',
      `#####
       #.#.#
       ###..`,
      ['0,0 0,2 2,2 2,1 3,0 4,1 4,0', '0,1 1,0 2,1 1,2'],
    ],
  ];
  it.each(cases)('%s', (_, picture, contours) => {
    expect(contourTexts(contoursOf(draw(picture)))).toEqual(contours);
  });
});

describe('extremes', () => {
  it('finds nothing in an empty mask', () => {
    const { count, points, areas } = contoursOf(draw('....\n....'));
    expect([count, points.length, areas.length]).toEqual([0, 0, 0]);
  });

  it('goes once round a full mask', () => {
    const contours = findContours(new Uint8Array(2048 * 2048).fill(1), 2048, 2048);
    expect(contourTexts(contours)).toEqual(['0,0 0,2047 2047,2047 2047,0']);
    expect(Array.from(contours.areas)).toEqual([2047 * 2047]);
  });

  it('finds every hole of a checkerboard', () => {
    const [width, height] = [41, 31];
    const mask = Uint8Array.from({ length: width * height }, (_, i) => (i + 1) % 2);
    const contours = findContours(mask, width, height);
    // One component; the background pixels that are not at the edge are its holes.
    expect(contours.count).toBe(1 + Math.floor(((width - 2) * (height - 2)) / 2));
    expect(new Set(contours.areas.slice(1))).toEqual(new Set([2]));
  });

  it('gives areas through the pixel centres, for holes as well', () => {
    const contours = contoursOf(draw('#####\n#...#\n#...#\n#####'));
    expect(Array.from(contours.areas)).toEqual([12, 4 * 3 - 4 * 0.5]);
  });

  it('refuses a mask that does not fit its size', () => {
    expect(() => findContours(new Uint8Array(11), 4, 3)).toThrow(/mask: expected 12 pixels .* found 11/);
    expect(() => findContours(new Uint8Array(0), 0, 3)).toThrow(/width: expected a whole number/);
  });
});

describe('random masks', () => {
  const random = seededRandom(1985);
  const masks = Array.from({ length: 60 }, (_, i) =>
    randomMask(random, 1 + Math.floor(random() * 40), 1 + Math.floor(random() * 30), 0.1 + 0.8 * (i / 60)),
  );

  it('has one contour per component and per hole', () => {
    for (const mask of masks) expect(contoursOf(mask).count).toBe(countBorders(mask));
  });

  it('covers every border pixel and nothing but foreground', () => {
    for (const mask of masks) {
      const { width, height } = mask;
      const walked = new Set<number>();
      const contours = contoursOf(mask);
      for (let i = 0; i < contours.count; i++)
        walk(contourAt(contours, i), (x, y) => walked.add(y * width + x));
      const missed = [];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          if (isBorder(mask, x, y) && !walked.has(y * width + x)) missed.push([x, y]);
        }
      }
      expect(missed).toEqual([]);
      for (const at of walked) expect(mask.mask[at]).toBe(1);
    }
  });

  it('keeps a point only where the direction changes', () => {
    for (const mask of masks) {
      const contours = contoursOf(mask);
      for (let i = 0; i < contours.count; i++) {
        const headings = sides(contourAt(contours, i)).map(([dx, dy]) => `${Math.sign(dx)},${Math.sign(dy)}`);
        if (headings.length < 2) continue;
        headings.forEach((heading, k) => {
          expect(heading).not.toBe(headings.at(k - 1));
        });
      }
    }
  });

  it('gives the same with a scratch that was used before', () => {
    const scratch = createContourScratch();
    for (const { mask, width, height } of masks) {
      const again = findContours(mask, width, height, scratch);
      expect(contourTexts(again)).toEqual(contourTexts(findContours(mask, width, height)));
    }
  });

  it('gives the same from packed bits', () => {
    for (const { mask, width, height } of [...masks, randomMask(random, 70, 9, 0.5)]) {
      const words = Math.ceil(width / 32);
      const bits = new Uint32Array(words * height);
      mask.forEach((value, i) => {
        const x = i % width;
        bits[words * Math.floor(i / width) + (x >> 5)] |= value << (x % 32);
      });
      const scratch = createContourScratch();
      frameBits(bits, { width, height }, scratch);
      const contours = traceContours(width, height, scratch);
      expect(contourTexts(contours)).toEqual(contourTexts(findContours(mask, width, height)));
    }
  });
});

/** Vectors from each point to the next. */
function sides(contour: Int32Array): [dx: number, dy: number][] {
  return Array.from({ length: contour.length / 2 }, (_, i) => {
    const j = (2 * i + 2) % contour.length;
    return [contour[j] - contour[2 * i], contour[j + 1] - contour[2 * i + 1]];
  });
}

/** Visits all pixels of a contour, also those between its points. */
function walk(contour: Int32Array, visit: (x: number, y: number) => void): void {
  sides(contour).forEach(([dx, dy], i) => {
    const steps = Math.max(Math.abs(dx), Math.abs(dy));
    // Straight or diagonal, or points are missing.
    if (dx !== 0 && dy !== 0 && Math.abs(dx) !== Math.abs(dy)) throw new Error(`gap in ${pairText(contour)}`);
    for (let k = 0; k <= steps; k++) {
      visit(contour[2 * i] + k * Math.sign(dx), contour[2 * i + 1] + k * Math.sign(dy));
    }
  });
}

const at = ({ mask, width, height }: Mask, x: number, y: number) =>
  x >= 0 && y >= 0 && x < width && y < height ? mask[y * width + x] : 0;

/** Foreground with background to the left, right, above or below. */
function isBorder(mask: Mask, x: number, y: number): boolean {
  if (at(mask, x, y) === 0) return false;
  return [at(mask, x - 1, y), at(mask, x + 1, y), at(mask, x, y - 1), at(mask, x, y + 1)].includes(0);
}

/** 8-connected components of the foreground and 4-connected ones of the background, less the outer one. */
function countBorders(mask: Mask): number {
  const width = mask.width + 2;
  const height = mask.height + 2;
  const seen = new Uint8Array(width * height);
  let count = 0;
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] === 1) continue;
    count++;
    seen[start] = 1;
    const stack = [start];
    while (stack.length > 0) {
      const pixel = stack.pop()!;
      const x = pixel % width;
      const y = Math.floor(pixel / width);
      const value = at(mask, x - 1, y - 1);
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const [nx, ny] = [x + dx, y + dy];
          if (nx < 0 || ny < 0 || nx >= width || ny >= height) continue;
          if (value === 0 && dx !== 0 && dy !== 0) continue;
          const next = ny * width + nx;
          if (seen[next] === 1 || at(mask, nx - 1, ny - 1) !== value) continue;
          seen[next] = 1;
          stack.push(next);
        }
      }
    }
  }
  return count - 1;
}
