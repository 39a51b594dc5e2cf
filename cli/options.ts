/** @file The options that commands share: what they look like, and what the detector makes of them. */

import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CreateOptions, DetectOptions } from '../src/detect/types.ts';
import { LABEL_FORMATS } from '../src/eval/text-labels.ts';
import type { Rgb, SizeOption } from '../src/input/types.ts';
import { defaultWeights } from './package-files.ts';

/** The option that says how lines of labels are read. */
export function labelFormatOption(name: '--label-format' | '--eval-label-format'): Option {
  return new Option(`${name} <format>`, 'how lines of text are read (default: as all of them fit)').choices(
    Object.keys(LABEL_FORMATS),
  );
}

/** The option that says where results go as JSON. */
export function jsonOption(what: string): Option {
  return new Option(
    '--json <file>',
    `${what} as JSON; - for standard output, and then nothing else goes there`,
  );
}

export function quietOption(): Option {
  return new Option('-q, --quiet', 'no progress and no notes on stderr, only errors');
}

/** The largest side that `detect()` takes, pixels. What the adapter can do is less. */
const MAX_SIDE = 65504;

/** The shared options as the command line gives them. */
export interface ModelArguments {
  weights?: string;
  input?: 'rgb' | 'bgr';
  precision?: CreateOptions['precision'];
  tune?: CreateOptions['tune'];
  shape?: 'quad' | 'polygon';
  threshold?: number;
  boxThreshold?: number;
  unclipRatio?: number;
  maxCandidates?: number;
  minSize?: number;
  score?: 'fast' | 'slow';
  simplify?: number;
  binarize?: 'P' | 'B';
  size?: { width: number; height: number };
  shortSide?: number;
  maxLongSide?: number;
  maxScale?: number;
  quiet?: boolean;
}

/** How pictures are read, as the command line says it. */
export interface InputArguments {
  ignoreOrientation?: boolean;
  background?: Rgb;
}

/** Adds the options on how pictures are read. */
export function addInputOptions(command: Command): Command {
  return addOrientationOption(command.optionsGroup('Input:')).option(
    '--background <colour>',
    'what transparent pixels are composed over, as #rrggbb (default: #ffffff)',
    parseColour,
  );
}

export function addOrientationOption(command: Command): Command {
  return command.option('--ignore-orientation', 'do not turn pictures as their EXIF data say');
}

/** `#rrggbb`, with or without the `#`, which shells may take for a comment. */
function parseColour(text: string): Rgb {
  const parts = /^#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  if (parts === null) throw new InvalidArgumentError('Expected a colour as #rrggbb, such as #ffffff.');
  const [red, green, blue] = parts.slice(1).map((digits) => Number.parseInt(digits, 16));
  return [red, green, blue];
}

/** Adds the shared options to a command. */
export function addModelOptions(command: Command): Command {
  return addNetworkOptions(command)
    .addOption(
      new Option(
        '--tune <when>',
        'tiles found by `tune`: ignore them, use them, or measure first if there are none (default: cached)',
      ).choices(['off', 'cached', 'full']),
    )
    .addOption(
      new Option(
        '--input <order>',
        "channel order of the network's input (default: the weights' own)",
      ).choices(['rgb', 'bgr']),
    )
    .option(
      '--short-side <px>',
      "scale the short side to this (default: the weights' own size, else 736; for detect without a GPU at most 736)",
      wholeNumber(32, MAX_SIDE),
    )
    .option(
      '--max-long-side <px>',
      "but the long side to no more than this (default: the weights' own, else 2048)",
      wholeNumber(32, MAX_SIDE),
    )
    .option(
      '--max-scale <n>',
      'and enlarge small images no more than so many times (default: 4 for a short side, else no bound)',
      between(1, MAX_SIDE),
    )
    .optionsGroup('Regions:')
    .addOption(
      new Option('--shape <shape>', 'shape of the regions (default: quad)').choices(['quad', 'polygon']),
    )
    .option(
      '--threshold <p>',
      "a pixel is text above this probability (default: the weights' own, else 0.3)",
      between(0, 1),
    )
    .option(
      '--box-threshold <p>',
      "a region is kept from this mean probability on (default: the weights' own, else 0.6)",
      between(0, 1),
    )
    .option(
      '--unclip-ratio <r>',
      "regions grow by area * r / perimeter (default: quads the weights' own, else 1.5; polygons 2)",
      between(0, 100),
    )
    .option('--max-candidates <n>', 'look at no more than this many contours (default: 1000)', wholeNumber(1))
    .option('--min-size <px>', 'drop regions narrower than this, in network pixels (default: 3)', atLeastZero)
    .addOption(
      new Option(
        '--score <how>',
        'mean over the simplified shape, or over the contour (default: fast)',
      ).choices(['fast', 'slow']),
    )
    .option(
      '--simplify <r>',
      'polygons keep no point that moves them less than area * r / perimeter (default: 0.03)',
      between(0, 1),
    )
    .addOption(
      new Option(
        '--binarize <map>',
        'threshold the probability map or the approximate binary map (default: P)',
      ).choices(['P', 'B']),
    );
}

/** Adds the options on what computes at which size. */
export function addNetworkOptions(command: Command): Command {
  return command
    .optionsGroup('Model:')
    .option(
      '--weights <file>',
      'weights: safetensors, ONNX or PyTorch, told by content (default: those of the package)',
    )
    .addOption(
      new Option(
        '--precision <type>',
        'numbers in the network; auto is f16 on GPUs that can compute with it (default: f32)',
      ).choices(['f32', 'f16', 'auto']),
    )
    .addOption(
      new Option('--size <WxH>', 'size at which the network runs, multiples of 32')
        .argParser(sizeParser(32))
        .conflicts(['shortSide', 'maxLongSide', 'maxScale']),
    );
}

/** Adds the options of label maps. */
export function addLabelMapOptions(command: Command): Command {
  return command
    .optionsGroup('Maps:')
    .option(
      '--shrink-ratio <r>',
      'polygons shrink by area * (1 - r^2) / perimeter (default: 0.4)',
      between(0, 1),
    )
    .option('--threshold-min <t>', "threshold away from the polygons' borders (default: 0.3)", between(0, 1))
    .option('--threshold-max <t>', 'threshold on the borders (default: 0.7)', between(0, 1))
    .option('--minimum-size <px>', 'ignore polygons narrower than this (default: 8)', atLeastZero)
    .addOption(
      new Option(
        '--distance <how>',
        "distance to the borders: as the authors' code has it, or the true one (default: authors)",
      ).choices(['authors', 'segment']),
    )
    .addOption(
      new Option(
        '--clipping <how>',
        'of polygons that reach outside: move their corners, or cut them off (default: authors)',
      ).choices(['authors', 'exact']),
    );
}

/** Adds the size of an image that is not given. */
export function addImageSizeOption(command: Command): Command {
  return command.addOption(
    new Option('--size <WxH>', 'size of the image, where none is given').argParser(sizeParser(1)),
  );
}

/** What of the shared options concerns `TextDetector.create`; options not given stay away. */
export function toCreateOptions(
  args: ModelArguments,
  cwd: string,
): Pick<CreateOptions, 'weights' | 'input' | 'precision' | 'tune'> {
  const given = args.weights;
  return {
    weights: given === undefined ? defaultWeights() : weightsSource(given, cwd),
    ...(args.input && { input: { channelOrder: args.input } }),
    ...(args.precision && { precision: args.precision }),
    ...(args.tune && { tune: args.tune }),
  };
}

/** What of the shared options concerns `detect()`; options not given stay away, so that defaults hold. */
export function toDetectOptions(args: ModelArguments & InputArguments): DetectOptions {
  const { shape, threshold, boxThreshold, unclipRatio, maxCandidates, minSize, score, simplify, binarize } =
    args;
  const given = {
    ...{ shape, threshold, boxThreshold, unclipRatio, maxCandidates, minSize, score, simplify, binarize },
    background: args.background,
  };
  const options: DetectOptions = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  const size = toSize(args);
  return size === undefined ? options : { ...options, size };
}

/** A URL as it is, a path from the current folder. */
export const weightsSource = (given: string, cwd: string): string =>
  /^https?:\/\//.test(given) ? given : resolve(cwd, given);

function toSize({ size, ...args }: ModelArguments): SizeOption | undefined {
  if (size !== undefined) return size;
  const { shortSide, maxLongSide, maxScale } = args;
  const bounds = Object.entries({ shortSide, maxLongSide, maxScale }).filter(
    ([, value]) => value !== undefined,
  );
  return bounds.length === 0 ? undefined : Object.fromEntries(bounds);
}

/** A size as `960x736`; both sides multiples of `step`. */
function sizeParser(step: number, least = step): (text: string) => { width: number; height: number } {
  return (text) => {
    const match = /^(\d+)[xX](\d+)$/.exec(text);
    const [width, height] = match === null ? [0, 0] : [Number(match[1]), Number(match[2])];
    const fits = (side: number) => side >= least && side <= MAX_SIDE && side % step === 0;
    if (!fits(width) || !fits(height)) {
      const sides = step === 1 ? `each ${least} to ${MAX_SIDE}` : `each a multiple of ${step}`;
      throw new InvalidArgumentError(`Expected WIDTHxHEIGHT, ${sides}, such as 960x736.`);
    }
    return { width, height };
  };
}

/** A number of seconds, as milliseconds. */
export function parseSeconds(text: string): number {
  const seconds = toNumber(text);
  if (!(seconds > 0)) throw new InvalidArgumentError('Expected a number of seconds, more than 0.');
  return seconds * 1000;
}

/** A whole number, for an option. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
      throw new InvalidArgumentError(`Expected a whole number, ${range}.`);
    }
    return value;
  };
}

/** A number in a range, for an option. */
export function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Expected a number from ${least} to ${most}.`);
    }
    return value;
  };
}

function atLeastZero(text: string): number {
  const value = toNumber(text);
  if (!(value >= 0)) throw new InvalidArgumentError('Expected a number, 0 or more.');
  return value;
}

/** A number above zero, for an option. */
export function positive(text: string): number {
  const value = toNumber(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError('Expected a number, more than 0.');
  }
  return value;
}

/** Decimal notation only; `Number` alone would take "", "0x10" and "Infinity" as well. */
function toNumber(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
