/** @file What augmentation does, and the authors' numbers for it. */

import { invalid } from '../../describe.ts';
import { checkBackground, white } from '../../detector/background.ts';
import type { Rgb } from '../../detector/types.ts';

/** What `augment` does; every part can be switched off. */
export interface AugmentOptions {
  /** Sides of the result, pixels. Default 640. */
  cropSize?: number;
  /** `false`: nothing random; the whole picture at the upper left, as large as it fits. Default true. */
  augment?: boolean;
  /** Probability of a mirror image (mirrored text, as the authors train). Default 0.5; 0 is off. */
  flip?: number;
  /** Degrees, drawn evenly; positive is clockwise. Default [-10, 10]; false is off. */
  rotate?: readonly [number, number] | false;
  /** Factors, drawn evenly, above 0. Default [0.5, 3]; false is off. See `augment` for what they do to crops. */
  scale?: readonly [number, number] | false;
  /** Crop between texts. `false`: the whole picture, fitted to the crop, times the scale, at a random place. Default true. */
  crop?: boolean;
  /** Shortest side of a crop as a share of the picture's. Default 0.1. */
  minCropSide?: number;
  /** Draws of a crop before the whole picture is taken. Default 10. */
  cropTries?: number;
  /** RGB, 0 to 255, around the picture. Default black, which is what the authors' zeros are before normalisation. */
  fill?: readonly [number, number, number];
  /** What transparent pixels of the picture are composed over. Default white, as for `detect()`. */
  background?: Rgb;
}

/** Defaults: the authors' training on ICDAR 2015. */
const defaults = {
  cropSize: 640,
  augment: true,
  flip: 0.5,
  rotate: [-10, 10],
  scale: [0.5, 3],
  crop: true,
  minCropSide: 0.1,
  cropTries: 10,
  fill: [0, 0, 0],
  background: white,
} as const satisfies Required<AugmentOptions>;

/** The options with defaults for those left out. @throws DBNetError `invalid-argument` */
export function withDefaults(options: AugmentOptions): Required<AugmentOptions> {
  for (const name of Object.keys(options)) {
    if (!(name in defaults)) throw invalid(name, `one of ${Object.keys(defaults).join(', ')}`, name);
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings: Required<AugmentOptions> = { ...defaults, ...Object.fromEntries(given) };
  const check = (name: keyof AugmentOptions, ok: boolean, expected: string) => {
    if (!ok) throw invalid(name, expected, settings[name]);
  };
  const isRange = (range: unknown, least: number): boolean =>
    Array.isArray(range) &&
    range.length === 2 &&
    range.every(Number.isFinite) &&
    range[0] > least &&
    range[0] <= range[1];
  const { cropSize, flip, rotate, scale, minCropSide, cropTries, fill } = settings;
  check('cropSize', Number.isInteger(cropSize) && cropSize >= 1, 'a whole number of at least 1');
  check('flip', flip >= 0 && flip <= 1, 'a probability from 0 to 1');
  check('rotate', rotate === false || isRange(rotate, -Infinity), 'two degrees [from, to], or false');
  check('scale', scale === false || isRange(scale, 0), 'two factors above 0 [from, to], or false');
  check('minCropSide', minCropSide >= 0 && minCropSide <= 1, 'a number from 0 to 1');
  check('cropTries', Number.isInteger(cropTries) && cropTries >= 0, 'a whole number of at least 0');
  check(
    'fill',
    Array.isArray(fill) && fill.length === 3 && fill.every((value) => value >= 0 && value <= 255),
    'three numbers from 0 to 255',
  );
  checkBackground(settings.background);
  return settings;
}
