/** @file The size at which the network runs. */

import { invalid } from '../describe.ts';
import type { DetectionWarning, SizeOption } from './types.ts';

interface Size {
  width: number;
  height: number;
}

/** Sides of the network's input are multiples of this: its deepest features have stride 32. */
const multiple = 32;

/** The default bound on the long side, pixels. */
const defaultMaxLongSide = 2048;

/** How many times as large as it is an image is made at most, by default. */
const defaultMaxScale = 4;

/** Text is said to be shrunk where it gets less than this part of the scale that it should have. */
const shrunkBelow = 0.5;

/** A size that still has to be checked against the device has sides up to this. */
const maxSide = 65504;

/**
 * The network's size for an image, as {@link SizeOption} says.
 * @param image undefined where none is known: a square of the short side.
 * @throws DBNetError `invalid-argument`.
 */
export function networkSize(
  image: Size | undefined,
  option: SizeOption | undefined,
  defaultShortSide: number,
): Size {
  const size = checkSize(option);
  if ('width' in size) return { width: size.width, height: size.height };
  const { shortSide = defaultShortSide, maxLongSide = defaultMaxLongSide } = size;
  const { width, height } = image ?? { width: shortSide, height: shortSide };
  const wanted = wantedScale({ width, height }, size, defaultShortSide);
  const scale = Math.min(wanted, maxLongSide / Math.max(width, height));
  const most = Math.floor(maxLongSide / multiple) * multiple;
  const round = (side: number) =>
    Math.min(most, Math.max(multiple, Math.round((side * scale) / multiple) * multiple));
  return { width: round(width), height: round(height) };
}

/** The scale of an image where nothing bounds its long side. */
function wantedScale({ width, height }: Size, size: SizeOption, defaultShortSide: number): number {
  const { shortSide = defaultShortSide, maxScale = defaultMaxScale } = 'width' in size ? {} : size;
  return Math.min(shortSide / Math.min(width, height), maxScale);
}

/**
 * That an image was made so small for the network that small text may be lost; undefined where it was not. What it should
 * have is what `shortSide` asks for without the bound on the long side (for a fixed size the weights' own `shortSide`),
 * or its own size where that is less.
 * @param option as it was given to {@link networkSize}.
 */
export function shrinkWarning(
  image: Size,
  network: Size,
  option: SizeOption | undefined,
  defaultShortSide: number,
): DetectionWarning | undefined {
  const scale = Math.min(network.width / image.width, network.height / image.height);
  const wanted = Math.min(1, wantedScale(image, option ?? {}, defaultShortSide));
  if (scale >= shrunkBelow * wanted) return undefined;
  const sufficientLongSide = Math.ceil((wanted * Math.max(image.width, image.height)) / multiple) * multiple;
  return {
    code: 'text-shrunk',
    message:
      `an image of ${image.width}x${image.height} ran at ${network.width}x${network.height}, ${scale.toPrecision(2)} times ` +
      `its size where ${wanted.toPrecision(2)} is wanted, so that small text is lost: use size: { maxLongSide: ` +
      `${sufficientLongSide} }, or cut the image into parts`,
    scale,
    sufficientLongSide,
  };
}

/**
 * Checks a size option.
 * @throws DBNetError `invalid-argument` for unknown keys, numbers out of range, and mixed forms.
 */
export function checkSize(option: unknown): SizeOption {
  if (option === undefined) return {};
  const forms = '{ width, height } or { shortSide?, maxLongSide?, maxScale? }';
  if (typeof option !== 'object' || option === null || Array.isArray(option))
    throw invalid('size', forms, option);
  const { width, height, shortSide, maxLongSide, maxScale, ...rest } = option as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw invalid('size', forms, unknown);
  if (width !== undefined || height !== undefined) {
    if ([shortSide, maxLongSide, maxScale].some((bound) => bound !== undefined))
      throw invalid('size', `${forms}, not both`, option);
    return { width: fixedSide(width, 'size.width'), height: fixedSide(height, 'size.height') };
  }
  return {
    shortSide: bound(shortSide, 'size.shortSide', multiple),
    maxLongSide: bound(maxLongSide, 'size.maxLongSide', multiple),
    maxScale: bound(maxScale, 'size.maxScale', 1),
  };
}

function fixedSide(value: unknown, name: string): number {
  if (typeof value !== 'number' || value % multiple !== 0 || value < multiple || value > maxSide) {
    throw invalid(name, `a multiple of ${multiple} from ${multiple} to ${maxSide}`, value);
  }
  return value;
}

function bound(value: unknown, name: string, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= least && value <= maxSide)) {
    throw invalid(name, `a number from ${least} to ${maxSide}`, value);
  }
  return value;
}
