/** @file The size at which the network runs: the weights' rule, or what a caller asks for. */

import { between, check, checkRecord, type Kinds, kind, mismatch } from '../check.ts';
import { contentOf, type PaddedSize, type Size } from '../size.ts';
import { multiple, nominalSide, sizeByRule, unboundedScale } from './size-rule.ts';
import type { SizeOption, SizeRule, TextShrunk } from './types.ts';

type AskedBounds = Exclude<SizeOption, Size>;

/** Text is said to be shrunk where it gets less than this part of the scale that it should have. */
const shrunkBelow = 0.5;

/** A size that still has to be checked against the device has sides up to this. */
const maxSide = 65504;

/**
 * The network's size for an image, as {@link SizeOption} says.
 * @param image undefined where none is known: a square of the rule's own side.
 * @param own the rule of the weights.
 * @throws DBNetError `invalid-argument`.
 */
export function networkSize(
  image: Size | undefined,
  option: SizeOption | undefined,
  own: SizeRule,
): PaddedSize {
  const size = checkSize(option);
  if ('width' in size) return { width: size.width, height: size.height };
  const rule = ruleFor(size, own);
  const side = nominalSide(rule);
  return sizeByRule(image ?? { width: side, height: side }, rule, size);
}

/** The rule that bounds are for: ours, where a short side is asked for, or any bound of weights with a fixed size. */
function ruleFor(bounds: AskedBounds, own: SizeRule): SizeRule {
  const { shortSide } = bounds;
  const isBounded = Object.keys(bounds).length > 0;
  if (shortSide === undefined && !(own.rule === 'fixed' && isBounded)) return own;
  return { rule: 'shortSide', value: shortSide ?? nominalSide(own), multipleOf: multiple };
}

/**
 * That an image was made so small for the network that small text may be lost; undefined where it was not. What it should
 * have is what the rule would give it without the bound on the long side (for a size that was asked for, the weights' own
 * rule), or its own size where that is less.
 * @param network as {@link networkSize} gives it for the option.
 */
export function shrinkWarning(
  image: Size,
  network: PaddedSize,
  option: SizeOption | undefined,
  own: SizeRule,
): TextShrunk | undefined {
  const { width, height } = contentOf(network);
  const scale = Math.min(width / image.width, height / image.height);
  const asked = checkSize(option);
  const rule = 'width' in asked ? own : ruleFor(asked, own);
  const wanted = unboundedScale(image, rule);
  if (scale >= shrunkBelow * wanted) return undefined;
  const sufficientLongSide = Math.ceil((wanted * Math.max(image.width, image.height)) / multiple) * multiple;
  return {
    code: 'text-shrunk',
    message:
      `an image of ${image.width}x${image.height} ran at ${width}x${height}, ${scale.toPrecision(2)} times ` +
      `its size where ${wanted.toPrecision(2)} is wanted, so that small text is lost: use size: { maxLongSide: ` +
      `${sufficientLongSide} }, or cut the image into parts`,
    scale,
    sufficientLongSide,
  };
}

/** A side of a size that is taken as it is. */
export const side = kind<number>(
  `a multiple of ${multiple} from ${multiple} to ${maxSide}`,
  (value) => between(multiple, maxSide).is(value) && value % multiple === 0,
);
const bound = between(multiple, maxSide);
const sizeKinds: Kinds<{ [Name in keyof AskedBounds | keyof Size]: number }> = {
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
