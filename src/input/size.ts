/** @file The size at which the network runs. */

import { between, check, checkRecord, type Kinds, kind, mismatch } from '../check.ts';
import type { Size } from '../size.ts';
import type { DetectionWarning, SizeOption } from './types.ts';

type Bounds = Exclude<SizeOption, Size>;

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

const side = kind<number>(
  `a multiple of ${multiple} from ${multiple} to ${maxSide}`,
  (value) => between(multiple, maxSide).is(value) && value % multiple === 0,
);
const bound = between(multiple, maxSide);
const sizeKinds: Kinds<{ [Name in keyof Bounds | keyof Size]: number }> = {
  width: side,
  height: side,
  shortSide: bound,
  maxLongSide: bound,
  maxScale: between(1, maxSide),
};

/**
 * Checks a size option.
 * @throws DBNetError `invalid-argument` for unknown keys, numbers out of range, and mixed forms.
 */
export function checkSize(option: unknown): SizeOption {
  if (option === undefined) return {};
  const { width, height, ...bounds } = checkRecord('Option size', option, sizeKinds);
  if (width === undefined && height === undefined) return bounds;
  const mixed = Object.keys(bounds)[0];
  if (mixed !== undefined) throw mismatch('Option size', 'width and height, or bounds', `both (${mixed})`);
  return {
    width: check('Option size.width', width, side),
    height: check('Option size.height', height, side),
  };
}
