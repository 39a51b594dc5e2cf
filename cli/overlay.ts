/** @file The picture of the result: regions outlined and numbered, as SVG to lay over the photo. */

import { perimeter, signedArea } from '../src/geometry/polygon.ts';
import type { Point } from '../src/postprocess/types.ts';

/** Lines bright inside a dark halo, so that an outline shows on dark and on light ground. */
const LINE = '#ffe100';
const HALO = '#000000';
const HALO_OPACITY = 0.7;

/**
 * Digits as strokes in a cell 4 wide and 6 high. Fonts are no part of the package, and a machine without
 * any would draw nothing.
 */
const DIGITS = [
  'M0 0H4V6H0Z',
  'M.8 1.2L2.4 0V6',
  'M0 0H4V3H0V6H4',
  'M0 0H4V6H0M1 3H4',
  'M0 0V3.6H4M3 1.6V6',
  'M4 0H0V3H4V6H0',
  'M4 0H0V6H4V3H0',
  'M0 0H4L1.6 6',
  'M0 0H4V6H0ZM0 3H4',
  'M4 3H0V0H4V6H0',
];

/** A digit's height and the margins, in cells. */
const PLATE_HEIGHT = 10;

/** Lines of text that are less high than so many plates lie so near to each other that a number covers the next. */
const SMALL = 1.5;

/** A region or a label. */
interface Outlined {
  points: readonly Point[];
}

/**
 * Draws regions as SVG of the image's size. Region i of the list is numbered i + 1, as in the table. Where half of the
 * regions are small beside a number, lines are thin and there are no numbers, which would hide the text.
 *
 * @param regions Regions in pixels of the image; pixel centres lie on whole numbers.
 */
export function drawOverlay(regions: readonly Outlined[], width: number, height: number): string {
  const longSide = Math.max(width, height);
  const cell = Math.max(1.5, longSide / 600);
  const isSmall = medianThickness(regions) < SMALL * PLATE_HEIGHT * cell;
  const line = isSmall ? 1 : Math.max(1.5, longSide / 500);
  const outlines = regions.map(({ points }) => `<path d="${toPath(points)}"/>`).join('');
  const numbers = isSmall
    ? ''
    : regions.map(({ points }, i) => drawNumber(i + 1, points, cell, width, height)).join('');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `<g transform="translate(.5 .5)" fill="none" stroke-linejoin="round" stroke-linecap="round">` +
    `<g stroke="${HALO}" stroke-opacity="${HALO_OPACITY}" stroke-width="${round(3 * line)}">${outlines}</g>` +
    `<g stroke="${LINE}" stroke-width="${round(line)}">${outlines}</g>` +
    `${numbers}</g></svg>`
  );
}

/** The middle one of how thick regions are, pixels: the height of lines of text. Infinite for none. */
function medianThickness(regions: readonly Outlined[]): number {
  const sorted = regions.map(({ points }) => thickness(points)).toSorted((a, b) => a - b);
  return sorted.at(sorted.length >> 1) ?? Number.POSITIVE_INFINITY;
}

/** The short side of the rectangle that has this area and perimeter. */
function thickness(points: readonly Point[]): number {
  const flat = Float64Array.from(points.flat());
  const half = perimeter(flat) / 2;
  const area = Math.abs(signedArea(flat));
  return (half - Math.sqrt(Math.max(0, half * half - 4 * area))) / 2;
}

/** A number on a dark plate, standing on the region's first corner, moved into the picture if need be. */
function drawNumber(
  number: number,
  points: readonly Point[],
  cell: number,
  width: number,
  height: number,
): string {
  const digits = [...String(number)].map(Number);
  const plateWidth = cell * (6 * digits.length + 2);
  const plateHeight = cell * PLATE_HEIGHT;
  const [x, y] = points[0];
  const left = clamp(x - cell, 0, width - plateWidth);
  const top = clamp(y - plateHeight - cell, 0, height - plateHeight);
  const strokes = digits
    .map((digit, i) => `<path transform="translate(${2 + 6 * i} 2)" d="${DIGITS[digit]}"/>`)
    .join('');
  return (
    `<g transform="translate(${round(left)} ${round(top)}) scale(${round(cell)})">` +
    `<rect width="${6 * digits.length + 2}" height="${PLATE_HEIGHT}" rx="1.5" fill="${HALO}" fill-opacity="${HALO_OPACITY}"/>` +
    `<g stroke="${LINE}" stroke-width="1">${strokes}</g></g>`
  );
}

function toPath(points: readonly Point[]): string {
  return `M${points.map(([x, y]) => `${round(x)} ${round(y)}`).join('L')}Z`;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
