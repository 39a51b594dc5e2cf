import { describe, expect, it } from 'vitest';
import { bounds } from '../../src/train/augmentation/crop-area.ts';
import { makePicture, type PictureKind } from '../training/pictures.ts';
import { cornersOf, coverage, layOut, type Placement } from '../training/word.ts';

const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

const kinds: PictureKind[] = ['plain', 'dotted', 'vertical'];

describe('makePicture', () => {
  it.each(kinds)(
    'draws %s words inside the picture, apart from each other, and the same ones again',
    (kind) => {
      for (let index = 0; index < 6; index++) {
        const picture = makePicture(kind, 3, index, { size: 256, words: [2, 3], height: [16, 24] });
        expect(picture.data.length).toBe(256 * 256 * 3);
        expect(picture.polygons.length).toBeGreaterThan(0);
        const boxes = picture.polygons.map(({ points }) => bounds(points));
        for (const [i, [left, top, right, bottom]] of boxes.entries()) {
          expect(Math.min(left, top)).toBeGreaterThan(0);
          expect(Math.max(right, bottom)).toBeLessThan(256);
          // Wider than high, or the other way round.
          expect(right - left > bottom - top).toBe(kind !== 'vertical');
          for (const other of boxes.slice(i + 1)) {
            expect(left < other[2] && other[0] < right && top < other[3] && other[1] < bottom).toBe(false);
          }
        }
        const again = makePicture(kind, 3, index, { size: 256, words: [2, 3], height: [16, 24] });
        expect(again.polygons).toEqual(picture.polygons);
        expect(same(again.data, picture.data)).toBe(true);
      }
      expect(same(makePicture(kind, 3, 0).data, makePicture(kind, 3, 1).data)).toBe(false);
      expect(same(makePicture(kind, 3, 0).data, makePicture(kind, 4, 0).data)).toBe(false);
    },
  );

  it.each([{ vertical: false }, { vertical: true }, { vertical: false, dotRadius: 0.2 }])(
    'labels words tightly: $vertical $dotRadius',
    (style) => {
      const word = layOut('TEXT', style);
      const place: Placement = { center: [121, 122], unit: 7.3, angle: 0 };
      let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
      let ink = 0;
      for (let y = 0; y < 250; y++) {
        for (let x = 0; x < 250; x++) {
          const share = coverage(word, place, x, y);
          if (share === 0) continue;
          ink += share;
          [left, top, right, bottom] = [
            Math.min(left, x),
            Math.min(top, y),
            Math.max(right, x + 1),
            Math.max(bottom, y + 1),
          ];
        }
      }
      const box = bounds(cornersOf(word, place));
      for (const [i, side] of [left, top, right, bottom].entries())
        expect(Math.abs(side - box[i])).toBeLessThan(1);
      // T has 11 dots, E 18, X 13.
      const dot = style.dotRadius === undefined ? 7.3 ** 2 : 7.3 ** 2 * Math.PI * style.dotRadius ** 2;
      expect(Math.abs(ink / (53 * dot) - 1)).toBeLessThan(0.04);
    },
  );
});
