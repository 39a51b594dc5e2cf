/**
 * @file The rules by which publishers bring images to the size of their networks, each rounded as its publisher's code
 * does it: a pixel more or less gives other maps.
 */

import { roundHalfEven } from '../round.ts';
import type { PaddedSize, Size } from '../size.ts';
import type { SizeRule } from './types.ts';

/** Sides of the network's input are multiples of this: its deepest features have stride 32. */
export const multiple = 32;

/** What a caller may add to a rule. */
export interface Bounds {
  /** In place of the rule's own bound on the long side. */
  maxLongSide?: number;
  maxScale?: number;
}

type Rule<Name extends SizeRule['rule']> = Extract<SizeRule, { rule: Name }>;

/** The network's size for an image by a rule, with the image's own part of it where the rule pads. */
export function sizeByRule(image: Size, rule: SizeRule, bounds: Bounds): PaddedSize {
  switch (rule.rule) {
    case 'shortSide':
      return byShortSide(image, rule, bounds);
    case 'fit':
      return fitted(image, rule, bounds);
    case 'limit':
      return limited(image, rule, bounds);
    case 'fixed':
      return { width: rule.width, height: rule.height };
  }
}

/** The side of the square that stands for images of which nothing is known. */
export function nominalSide(rule: SizeRule): number {
  switch (rule.rule) {
    case 'shortSide':
    case 'limit':
      return rule.value;
    case 'fit':
      return rule.shortSide;
    case 'fixed':
      return Math.min(rule.width, rule.height);
  }
}

/** How many times as large as it is, up to 1, an image would be made by a rule if nothing bounded its long side. */
export function unboundedScale({ width, height }: Size, rule: SizeRule): number {
  if (rule.rule === 'limit' && rule.side === 'short') return 1;
  return Math.min(1, nominalSide(rule) / Math.min(width, height));
}

/** The network's side that holds so many pixels. */
export const ceilToMultiple = (side: number): number => Math.ceil(side / multiple) * multiple;

/** The largest side of a network that so many pixels hold. */
export const floorToMultiple = (side: number) => Math.floor(side / multiple) * multiple;

/** The default bound on the long side, pixels. */
const defaultMaxLongSide = 2048;

/** How many times as large as it is an image is made at most, by default. */
const defaultMaxScale = 4;

function byShortSide(
  { width, height }: Size,
  { value }: Rule<'shortSide'>,
  { maxLongSide = defaultMaxLongSide, maxScale = defaultMaxScale }: Bounds,
): Size {
  const wanted = Math.min(value / Math.min(width, height), maxScale);
  const scale = Math.min(wanted, maxLongSide / Math.max(width, height));
  const most = floorToMultiple(maxLongSide);
  const round = (side: number) =>
    Math.min(most, Math.max(multiple, Math.round((side * scale) / multiple) * multiple));
  return { width: round(width), height: round(height) };
}

/** MMOCR: `mmcv.imrescale`, which keeps the aspect, then padding. */
function fitted(
  { width, height }: Size,
  { shortSide, longSide }: Rule<'fit'>,
  { maxLongSide, maxScale = Infinity }: Bounds,
): PaddedSize {
  // The padding, too, stays within a bound that is asked for.
  const long = maxLongSide === undefined ? longSide : floorToMultiple(maxLongSide);
  const scale = Math.min(long / Math.max(width, height), shortSide / Math.min(width, height), maxScale);
  const round = (side: number) => Math.max(1, Math.floor(side * scale + 0.5));
  return padded({ width: round(width), height: round(height) });
}

/** The network's size that holds a content. */
export function padded(content: Size): PaddedSize {
  const size = { width: ceilToMultiple(content.width), height: ceilToMultiple(content.height) };
  const fills = size.width === content.width && size.height === content.height;
  return fills ? size : { ...size, content };
}

/** PP-OCR: `DetResizeForTest` with `limit_type` max or min, then `max_side_limit`. */
function limited(
  { width, height }: Size,
  { side, value, longest }: Rule<'limit'>,
  { maxLongSide, maxScale = Infinity }: Bounds,
): Size {
  const ratio =
    side === 'long'
      ? Math.min(1, (maxLongSide ?? value) / Math.max(width, height))
      : Math.max(1, value / Math.min(width, height));
  const scaled = (sides: number[], ratio: number) => sides.map((side) => Math.floor(side * ratio));
  let sides = scaled([width, height], Math.min(ratio, maxScale));
  const most = maxLongSide ?? longest;
  const longer = Math.max(...sides);
  if (longer > most) sides = scaled(sides, most / longer);
  const bound = maxLongSide === undefined ? Infinity : floorToMultiple(maxLongSide);
  const [w, h] = sides.map((side) =>
    Math.min(bound, Math.max(multiple, roundHalfEven(side / multiple) * multiple)),
  );
  return { width: w, height: h };
}
