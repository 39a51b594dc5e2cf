/** @file What augmentation does, and the authors' numbers for it. */

import {
  between,
  boolean,
  checkOptions,
  checkRecord,
  either,
  finite,
  type Kind,
  type Kinds,
  kind,
  tuple,
  whole,
} from '../../check.ts';
import { rgb, white } from '../../input/background.ts';
import type { Rgb } from '../../input/types.ts';

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

const off = kind<false>('false', (value) => value === false);
const range = (expected: string, least: number): Kind<readonly [number, number]> =>
  kind(expected, (value) => pair.is(value) && value[0] > least && value[0] <= value[1]);
const pair = tuple<[number, number]>('two numbers', 2, finite);

const kinds: Kinds<AugmentOptions> = {
  cropSize: whole(1),
  augment: boolean,
  flip: between(0, 1),
  rotate: either(range('two degrees [from, to]', -Infinity), off),
  scale: either(range('two factors above 0 [from, to]', 0), off),
  crop: boolean,
  minCropSide: between(0, 1),
  cropTries: whole(0),
  fill: tuple('three numbers from 0 to 255', 3, between(0, 255)),
  background: rgb,
};

/**
 * The options with defaults for those left out.
 * @param name - of the options, where they are a part of others
 * @throws DBNetError `invalid-argument`
 */
export function withDefaults(options: AugmentOptions, name?: string): Required<AugmentOptions> {
  const given = name === undefined ? checkOptions(options, kinds) : checkRecord(name, options, kinds);
  return { ...defaults, ...given };
}
