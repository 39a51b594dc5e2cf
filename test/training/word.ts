/** @file Words in the bitmap font, drawn with smooth edges at any size and angle. */

import type { Point } from '../../src/postprocess/types.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows, isDot } from './bitmap-font.ts';

/** How the dots of the font are drawn. */
export interface WordStyle {
  /** Characters below each other instead of side by side. */
  vertical: boolean;
  /** Radius of separate round dots as a share of their distance; undefined: squares that join to strokes. */
  dotRadius?: number;
  /** Empty dots between characters. Default 1. */
  gap?: number;
}

/** Where a word stands. */
export interface Placement {
  center: Point;
  /** Pixels per dot of the font. */
  unit: number;
  /** Radians, clockwise. */
  angle: number;
}

/** A word in units of the font's dots. */
export interface Word {
  text: string;
  style: WordStyle;
  /** Rows of each character. */
  glyphs: number[][];
  /** Box around the ink: left, top, right, bottom. */
  box: [number, number, number, number];
}

/** Samples per pixel and axis. */
const SAMPLES = 4;

/** Dots from one character to the next. */
const advance = ({ vertical, gap = 1 }: WordStyle): number => (vertical ? GLYPH_HEIGHT : GLYPH_WIDTH) + gap;

/** Lays out a word. */
export function layOut(text: string, style: WordStyle): Word {
  const glyphs = [...text].map(glyphRows);
  const step = advance(style);
  const inset = style.dotRadius === undefined ? 0 : 0.5 - style.dotRadius;
  const box: Word['box'] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [i, rows] of glyphs.entries()) {
    for (let row = 0; row < GLYPH_HEIGHT; row++) {
      for (let column = 0; column < GLYPH_WIDTH; column++) {
        if (!isDot(rows, column, row)) continue;
        const x = column + (style.vertical ? 0 : i * step);
        const y = row + (style.vertical ? i * step : 0);
        box[0] = Math.min(box[0], x + inset);
        box[1] = Math.min(box[1], y + inset);
        box[2] = Math.max(box[2], x + 1 - inset);
        box[3] = Math.max(box[3], y + 1 - inset);
      }
    }
  }
  return { text, style, glyphs, box };
}

/** Corners of a word's box in the picture: top-left, top-right, bottom-right, bottom-left of the upright word. */
export function cornersOf({ box }: Word, { center, unit, angle }: Placement): Point[] {
  const [halfWidth, halfHeight] = [((box[2] - box[0]) * unit) / 2, ((box[3] - box[1]) * unit) / 2];
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const corner = (x: number, y: number): Point => [
    center[0] + x * cosine - y * sine,
    center[1] + x * sine + y * cosine,
  ];
  return [
    corner(-halfWidth, -halfHeight),
    corner(halfWidth, -halfHeight),
    corner(halfWidth, halfHeight),
    corner(-halfWidth, halfHeight),
  ];
}

/** The share of pixel (x, y) that the word covers, 0 to 1. */
export function coverage(word: Word, { center, unit, angle }: Placement, x: number, y: number): number {
  const [cosine, sine] = [Math.cos(angle) / unit, Math.sin(angle) / unit];
  const [middleX, middleY] = [(word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2];
  let hits = 0;
  for (let j = 0; j < SAMPLES; j++) {
    for (let i = 0; i < SAMPLES; i++) {
      const dx = x + (i + 0.5) / SAMPLES - center[0];
      const dy = y + (j + 0.5) / SAMPLES - center[1];
      if (isInk(word, middleX + dx * cosine + dy * sine, middleY - dx * sine + dy * cosine)) hits++;
    }
  }
  return hits / SAMPLES ** 2;
}

/** Whether a place, in dots of the font, is covered. */
function isInk({ glyphs, style }: Word, x: number, y: number): boolean {
  const { vertical, dotRadius } = style;
  const step = advance(style);
  const character = Math.floor((vertical ? y : x) / step);
  if (character < 0 || character >= glyphs.length) return false;
  const column = Math.floor(x) - (vertical ? 0 : character * step);
  const row = Math.floor(y) - (vertical ? character * step : 0);
  if (!isDot(glyphs[character], column, row)) return false;
  if (dotRadius === undefined) return true;
  return Math.hypot(x - Math.floor(x) - 0.5, y - Math.floor(y) - 0.5) <= dotRadius;
}
