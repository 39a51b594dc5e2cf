/**
 * @file What a weights file says of its own use: input order, mean and std, size, thresholds.
 * A mix-up of these changes the accuracy silently, so they are read from the file and checked.
 */

import {
  between,
  check,
  checkRecord,
  finite,
  invalid,
  type Kind,
  type Kinds,
  kind,
  object,
  oneOf,
  tuple,
} from '../check.ts';
import { quote } from '../describe.ts';
import { DBNetError, type DBNetErrorCode } from '../errors.ts';
import { largestHalf } from '../kernels/half.ts';
import { regionKinds } from '../postprocess/options.ts';
import type { RegionOptions } from '../postprocess/types.ts';
import { side } from './size.ts';
import type { InputRecipe, SizeRule } from './types.ts';

export interface Recipe {
  input: InputRecipe;
  size: SizeRule;
  /** What the file says about post-processing; the unclip ratio is for quads. */
  postprocess: Partial<
    Pick<RegionOptions, 'threshold' | 'boxThreshold' | 'unclipRatio' | 'maxCandidates' | 'minSize'>
  >;
}

/** The authors' recipe: OpenCV's BGR pixels, minus a mean in RGB order, over 255. It is baked into their weights. */
const authorsInput: InputRecipe = {
  channelOrder: 'bgr',
  mean: [122.67891434, 116.66876762, 104.00698793],
  std: [255, 255, 255],
};

const inputKinds: Kinds<InputRecipe> = {
  channelOrder: oneOf('rgb', 'bgr'),
  mean: tuple('three finite numbers', 3, finite),
  std: tuple(
    'three positive numbers',
    3,
    kind('', (value) => finite.is(value) && value > 0),
  ),
};
const pixels = between(32, 65535);
const multipleOf = oneOf(32);
/** What stands beside `rule`. */
const sizeKinds: { [Name in SizeRule['rule']]: Kinds<Omit<Extract<SizeRule, { rule: Name }>, 'rule'>> } = {
  shortSide: { value: pixels, multipleOf },
  fit: { shortSide: pixels, longSide: pixels, multipleOf },
  limit: { side: oneOf('long', 'short'), value: pixels, longest: pixels, multipleOf },
  fixed: { width: side, height: side },
};
const rules = oneOf('shortSide', 'fit', 'limit', 'fixed');
const { threshold, boxThreshold, unclipRatio, maxCandidates, minSize } = regionKinds;
const postprocessKinds = { threshold, boxThreshold, unclipRatio, maxCandidates, minSize };

/**
 * The recipe that metadata state, those of a file or of its publisher; where they say nothing, the authors'. `override` goes before both.
 * @throws DBNetError `incompatible-weights` for metadata that cannot be followed, `invalid-argument` for `override`.
 */
export function readRecipe(
  metadata: Readonly<Record<string, string>>,
  override: Partial<InputRecipe> = {},
): Recipe {
  const input = readJson(metadata, 'input');
  const stated = checkRange(
    "metadata 'input' of the weights",
    { ...authorsInput, ...readMembers('input', input, inputKinds) },
    'incompatible-weights',
  );
  return {
    input: checkRange('Option input', { ...stated, ...checkRecord('Option input', override, inputKinds) }),
    size: readSizeRule(input.size === undefined ? {} : checkStated('input.size', input.size, object)),
    postprocess: readMembers('postprocess', readJson(metadata, 'postprocess'), postprocessKinds),
  };
}

/** A size rule: a short side of 736 where nothing is said; other rules have to state all of their pixels. */
function readSizeRule(stated: Record<string, unknown>): SizeRule {
  const rule = checkStated('input.size.rule', stated.rule === undefined ? 'shortSide' : stated.rule, rules);
  const size: Record<string, unknown> = {
    multipleOf: 32,
    ...(rule === 'shortSide' && { value: 736 }),
    ...stated,
  };
  const kinds: Record<string, Kind> = sizeKinds[rule];
  const members = Object.entries(kinds).map(([key, kind]) => [
    key,
    checkStated(`input.size.${key}`, size[key], kind),
  ]);
  return { rule, ...Object.fromEntries(members) };
}

/** @throws DBNetError `incompatible-weights` */
function checkStated<T>(path: string, value: unknown, kind: Kind<T>): T {
  return check(`metadata '${path}' of the weights`, value, kind, 'incompatible-weights');
}

/** What an object of the metadata says of these; other members are somebody else's. */
function readMembers<T>(path: string, object: Record<string, unknown>, kinds: Kinds<T>): Partial<T> {
  const stated: Partial<T> = {};
  for (const key of Object.keys(kinds) as (keyof T & string)[]) {
    const value = object[key];
    if (value !== undefined) stated[key] = checkStated(`${path}.${key}`, value, kinds[key]);
  }
  return stated;
}

/** A recipe whose mean and std make numbers of pixels that every precision can hold. */
function checkRange(name: string, input: InputRecipe, code?: DBNetErrorCode): InputRecipe {
  const { mean, std } = input;
  for (const [i, m] of mean.entries()) {
    for (const pixel of [0, 255]) {
      const value = (pixel - m) / std[i];
      if (Math.abs(value) <= largestHalf) continue;
      const expected = `a mean and a std by which pixels, 0 to 255, become at most ${largestHalf}`;
      throw invalid(name, expected, value, code);
    }
  }
  return input;
}

/** A metadata value that is a JSON object, `{}` where it is missing. */
function readJson(metadata: Readonly<Record<string, string>>, key: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(metadata[key] ?? '{}');
  } catch (cause) {
    const message = `metadata '${key}' of the weights: expected JSON, found ${quote(metadata[key])}.`;
    throw new DBNetError('incompatible-weights', message, { cause });
  }
  return checkStated(key, value, object);
}
