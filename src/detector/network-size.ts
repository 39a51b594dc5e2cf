/** @file The size at which the network runs. */

import { invalid } from '../check.ts';
import type { SizeOption } from './types.ts';

interface Size {
  width: number;
  height: number;
}

/** Sides of the network's input are multiples of this: its deepest features have stride 32. */
const multiple = 32;

/** The default bound on the long side, pixels. */
const defaultMaxLongSide = 2048;

/** A size that still has to be checked against the device has sides up to this. */
const maxSide = 65504;

/**
 * The network's size for an image: s = min(shortSide / short, maxLongSide / long), each side = max(32,
 * round(side * s / 32) * 32). A fixed size is taken as it is.
 * @throws DBNetError `invalid-argument`.
 */
export function networkSize(image: Size, option: SizeOption | undefined, defaultShortSide: number): Size {
  const size = checkSize(option);
  if ('width' in size) return { width: size.width, height: size.height };
  const { shortSide = defaultShortSide, maxLongSide = defaultMaxLongSide } = size;
  const scale = Math.min(
    shortSide / Math.min(image.width, image.height),
    maxLongSide / Math.max(image.width, image.height),
  );
  const round = (side: number) => Math.max(multiple, Math.round((side * scale) / multiple) * multiple);
  return { width: round(image.width), height: round(image.height) };
}

/**
 * Checks a size option.
 * @throws DBNetError `invalid-argument` for unknown keys, numbers out of range, and mixed forms.
 */
export function checkSize(option: unknown): SizeOption {
  if (option === undefined) return {};
  const forms = '{ width, height } or { shortSide?, maxLongSide? }';
  if (typeof option !== 'object' || option === null || Array.isArray(option))
    throw invalid('size', forms, option);
  const { width, height, shortSide, maxLongSide, ...rest } = option as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw invalid('size', forms, unknown);
  if (width !== undefined || height !== undefined) {
    if (shortSide !== undefined || maxLongSide !== undefined)
      throw invalid('size', `${forms}, not both`, option);
    return { width: fixedSide(width, 'size.width'), height: fixedSide(height, 'size.height') };
  }
  return {
    shortSide: bound(shortSide, 'size.shortSide'),
    maxLongSide: bound(maxLongSide, 'size.maxLongSide'),
  };
}

function fixedSide(value: unknown, name: string): number {
  if (typeof value !== 'number' || value % multiple !== 0 || value < multiple || value > maxSide) {
    throw invalid(name, `a multiple of ${multiple} from ${multiple} to ${maxSide}`, value);
  }
  return value;
}

function bound(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= multiple && value <= maxSide)) {
    throw invalid(name, `a number from ${multiple} to ${maxSide}`, value);
  }
  return value;
}
