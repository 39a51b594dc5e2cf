/**
 * @file What a weights file says of its own use: input order, mean and std, size, thresholds, k.
 * A mix-up of these changes the accuracy silently, so they are read from the file and checked.
 */

import { describe, invalid } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { RegionOptions } from '../postprocess/types.ts';
import type { CreateOptions, InputRecipe } from './types.ts';

export interface Recipe {
  architecture: string;
  input: InputRecipe;
  /** Size rule: pixels of the short side. */
  shortSide: number;
  /** What the file says about post-processing; the unclip ratio is for quads. */
  postprocess: Partial<Pick<RegionOptions, 'threshold' | 'boxThreshold' | 'unclipRatio'>>;
  /** Steepness of the binarization, paper eq. 1. */
  k: number;
}

const architecture = 'db-resnet18';

/** The authors' recipe: OpenCV's BGR pixels, minus a mean in RGB order, over 255. It is baked into their weights. */
const authorsInput: InputRecipe = {
  channelOrder: 'bgr',
  mean: [122.67891434, 116.66876762, 104.00698793],
  std: [255, 255, 255],
};

/**
 * The recipe of a weights file's metadata; where it says nothing, the authors'. `override` goes before both.
 * @throws DBNetError `incompatible-weights` for metadata that cannot be followed, `invalid-argument` for `override`.
 */
export function readRecipe(
  metadata: Readonly<Record<string, string>>,
  override?: CreateOptions['input'],
): Recipe {
  if (metadata.architecture !== undefined && metadata.architecture !== architecture) {
    throw new DBNetError(
      'incompatible-weights',
      `metadata 'architecture': expected '${architecture}', found '${metadata.architecture}'`,
    );
  }
  const stated = json(metadata, 'input');
  const size = object(stated.size ?? {}, 'input.size');
  if (size.rule !== undefined && size.rule !== 'shortSide') {
    throw unfit('input.size.rule', "'shortSide'", size.rule);
  }
  if (size.multipleOf !== undefined && size.multipleOf !== 32) {
    throw unfit('input.size.multipleOf', '32', size.multipleOf);
  }
  const shortSide = number(size.value ?? 736, 'input.size.value', 32, 65535);
  const postprocess = json(metadata, 'postprocess');
  const fraction = (name: string) =>
    postprocess[name] === undefined ? undefined : number(postprocess[name], `postprocess.${name}`, 0, 1);
  const unclipRatio =
    postprocess.unclipRatio === undefined
      ? undefined
      : number(postprocess.unclipRatio, 'postprocess.unclipRatio', 0, 100);
  return {
    architecture: metadata.architecture ?? architecture,
    input: overrideInput(statedInput(stated), override),
    shortSide,
    postprocess: { threshold: fraction('threshold'), boxThreshold: fraction('boxThreshold'), unclipRatio },
    k: metadata.k === undefined ? 50 : number(Number(metadata.k), 'k', Number.MIN_VALUE, 1e6),
  };
}

function statedInput({ channelOrder, mean, std }: Record<string, unknown>): InputRecipe {
  if (channelOrder !== undefined && channelOrder !== 'rgb' && channelOrder !== 'bgr') {
    throw unfit('input.channelOrder', "'rgb' or 'bgr'", channelOrder);
  }
  if (mean !== undefined && !isTriple(mean)) throw unfit('input.mean', 'three finite numbers', mean);
  if (std !== undefined && !isStd(std)) throw unfit('input.std', 'three positive numbers', std);
  return checkRange(
    {
      channelOrder: channelOrder ?? authorsInput.channelOrder,
      mean: mean ?? authorsInput.mean,
      std: std ?? authorsInput.std,
    },
    (expected, found) => unfit('input', expected, found),
  );
}

function overrideInput(input: InputRecipe, override: unknown): InputRecipe {
  if (override === undefined) return input;
  if (typeof override !== 'object' || override === null || Array.isArray(override)) {
    throw invalid('input', 'an object { channelOrder?, mean?, std? }', override);
  }
  const { channelOrder, mean, std, ...rest } = override as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw invalid('input', 'only channelOrder, mean, std', unknown);
  if (channelOrder !== undefined && channelOrder !== 'rgb' && channelOrder !== 'bgr') {
    throw invalid('input.channelOrder', "'rgb' or 'bgr'", channelOrder);
  }
  if (mean !== undefined && !isTriple(mean)) throw invalid('input.mean', 'three finite numbers', mean);
  if (std !== undefined && !isStd(std)) throw invalid('input.std', 'three positive numbers', std);
  return checkRange(
    {
      channelOrder: channelOrder ?? input.channelOrder,
      mean: mean ?? input.mean,
      std: std ?? input.std,
    },
    (expected, found) => invalid('input', expected, found),
  );
}

/** Pixels become numbers of at most this size, which every precision can hold. */
const largestInput = 65504;

/** A recipe whose mean and std make numbers of pixels that the network can compute with. */
function checkRange(input: InputRecipe, fail: (expected: string, found: unknown) => Error): InputRecipe {
  const { mean, std } = input;
  for (const [i, m] of mean.entries()) {
    for (const pixel of [0, 255]) {
      const value = (pixel - m) / std[i];
      if (Math.abs(value) <= largestInput) continue;
      throw fail(`a mean and a std by which pixels, 0 to 255, become at most ${largestInput}`, value);
    }
  }
  return input;
}

const isTriple = (value: unknown): value is [number, number, number] =>
  Array.isArray(value) && value.length === 3 && value.every((v) => Number.isFinite(v));

const isStd = (value: unknown): value is [number, number, number] =>
  isTriple(value) && value.every((v) => v > 0);

/** A metadata value that is JSON, `{}` where it is missing. */
function json(metadata: Readonly<Record<string, string>>, key: string): Record<string, unknown> {
  if (metadata[key] === undefined) return {};
  try {
    return object(JSON.parse(metadata[key]), key);
  } catch (cause) {
    if (cause instanceof DBNetError) throw cause;
    throw new DBNetError(
      'incompatible-weights',
      `metadata '${key}': expected JSON, found '${metadata[key]}'`,
      {
        cause,
      },
    );
  }
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unfit(path, 'an object', value);
  return value as Record<string, unknown>;
}

function number(value: unknown, path: string, low: number, high: number): number {
  if (typeof value !== 'number' || !(value >= low && value <= high)) {
    throw unfit(path, `a number from ${low} to ${high}`, value);
  }
  return value;
}

const unfit = (path: string, expected: string, found: unknown) =>
  new DBNetError(
    'incompatible-weights',
    `metadata '${path}' of the weights: expected ${expected}, found ${describe(found)}`,
  );
