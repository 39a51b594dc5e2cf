/**
 * @file Small labelled pictures for training and its checks, made from nothing but a seed: words of a built-in font on
 * drawn grounds, in kinds that a detector trained on photos finds easy or hard.
 */

import type { Point } from '../../src/postprocess/types.ts';
import { bounds } from '../../src/train/augmentation/crop-area.ts';
import { Random } from '../../src/train/augmentation/random.ts';
import { addNoise, blend, type Canvas, type Colour, drawBackground, randomColour } from './background.ts';
import { cornersOf, coverage, layOut, type Placement, type Word, type WordStyle } from './word.ts';

/**
 * `plain`: strokes, side by side. `dotted`: separate dots, as on a display of lamps. `vertical`: strokes, the
 * characters below each other.
 */
export type PictureKind = 'plain' | 'dotted' | 'vertical';

/** What the pictures are like. */
export interface PictureOptions {
  /** Sides, pixels. Default 320. */
  size?: number;
  /** Fewest and most words; fewer where there is no room. Default [1, 4]. */
  words?: readonly [number, number];
  /** Height of the characters, pixels. Default [24, 48]. */
  height?: readonly [number, number];
  /** Largest angle of a word to the axes, degrees. Default 8. */
  rotate?: number;
  /** Radius of the dots of `dotted` as a share of their distance. Default [0.14, 0.2]. */
  dotRadius?: readonly [number, number];
  /** Empty dots between the characters of `dotted`. Default 3. */
  gap?: number;
}

/** A picture and its words. */
export interface LabelledPicture {
  /** RGB. */
  data: Uint8Array;
  width: number;
  height: number;
  channels: 3;
  /** Tight around the ink; corners from the upright word's top-left clockwise; (0, 0) is the picture's corner. */
  polygons: { points: Point[]; text: string; ignore: false }[];
}

const KINDS: readonly PictureKind[] = ['plain', 'dotted', 'vertical'];

/** Draws of a place for one word. */
const TRIES = 40;
/** Least distance between the boxes of words, and of these to the border, pixels. */
const GAP = 8;
/** Least difference in brightness between a word and the mean of what it is drawn on, of 255. */
const CONTRAST = 90;

/** Picture `index` of a kind; the same arguments give the same picture. At least one word stands in it. */
export function makePicture(
  kind: PictureKind,
  seed: number,
  index: number,
  options: PictureOptions = {},
): LabelledPicture {
  const {
    size = 320,
    words = [1, 4],
    height = [24, 48],
    rotate = 8,
    dotRadius = [0.14, 0.2],
    gap = 3,
  } = options;
  const random = new Random(seed, index, KINDS.indexOf(kind));
  const canvas = drawBackground(size, size, random);
  const polygons: LabelledPicture['polygons'] = [];
  const taken: (readonly [number, number, number, number])[] = [];
  const wanted = words[0] + random.integer(words[1] - words[0] + 1);
  for (let i = 0; i < wanted; i++) {
    for (let attempt = 0; attempt < TRIES || polygons.length === 0; attempt++) {
      const style: WordStyle = {
        vertical: kind === 'vertical',
        ...(kind === 'dotted' ? { dotRadius: random.uniform(...dotRadius), gap } : {}),
      };
      const word = layOut(randomText(random), style);
      const place: Placement = {
        center: [random.uniform(0, size), random.uniform(0, size)],
        unit: random.uniform(...height) / 7,
        angle: (random.uniform(-rotate, rotate) * Math.PI) / 180,
      };
      const points = cornersOf(word, place);
      const box = bounds(points);
      if (box[0] < GAP || box[1] < GAP || box[2] > size - GAP || box[3] > size - GAP) continue;
      if (taken.some((other) => isNear(box, other))) continue;
      drawWord(canvas, word, place, box, contrasting(canvas, box, random));
      polygons.push({ points, text: word.text, ignore: false });
      taken.push(box);
      break;
    }
  }
  addNoise(canvas, random);
  return { ...canvas, channels: 3, polygons };
}

function randomText(random: Random): string {
  const [alphabet, length] = random.chance(0.8)
    ? ['ABCDEFGHIJKLMNOPQRSTUVWXYZ', 3 + random.integer(5)]
    : ['0123456789', 2 + random.integer(4)];
  return Array.from({ length }, () => random.pick([...alphabet])).join('');
}

type Box = readonly [left: number, top: number, right: number, bottom: number];

const isNear = (a: Box, b: Box): boolean =>
  a[0] < b[2] + GAP && b[0] < a[2] + GAP && a[1] < b[3] + GAP && b[1] < a[3] + GAP;

function drawWord(canvas: Canvas, word: Word, place: Placement, box: Box, colour: Colour): void {
  for (let y = Math.floor(box[1]); y < box[3]; y++) {
    for (let x = Math.floor(box[0]); x < box[2]; x++) {
      const share = coverage(word, place, x, y);
      if (share > 0) blend(canvas, x, y, colour, share);
    }
  }
}

const brightness = ([red, green, blue]: Colour): number => 0.3 * red + 0.59 * green + 0.11 * blue;

/** A random colour that stands out from what is in the box. */
function contrasting({ data, width }: Canvas, box: Box, random: Random): Colour {
  let sum = 0;
  let count = 0;
  for (let y = Math.floor(box[1]); y < box[3]; y++) {
    for (let x = Math.floor(box[0]); x < box[2]; x++, count++) {
      const p = 3 * (y * width + x);
      sum += brightness([data[p], data[p + 1], data[p + 2]]);
    }
  }
  for (;;) {
    const colour = randomColour(random);
    if (Math.abs(brightness(colour) - sum / count) >= CONTRAST) return colour;
  }
}
