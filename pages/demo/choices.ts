/** @file What the visitor chose, and what the weights say where nothing was chosen. */

import type { DetectOptions } from 'dbnet-webgpu';
import { regionDefaults } from 'dbnet-webgpu/postprocess';

export type Shape = 'quad' | 'polygon';
export type Layer = 'P' | 'T' | 'B';

/** What a slider sets. */
export const sliders = ['threshold', 'boxThreshold', 'unclipRatio'] as const;
export type Slider = (typeof sliders)[number];

export interface Choices extends Partial<Record<Slider, number>> {
  shape: Shape;
  binarize: 'P' | 'B';
  /** Short side in pixels of the network; the weights' own rule where there is none. */
  shortSide?: number;
}

type Stated = Partial<ReturnType<typeof regionDefaults>>;

/** The options for finding regions: the visitor's, then the weights' own, then the paper's, as `detect()` has them. */
export function regionOptions(choices: Choices, stated: Stated) {
  const { shape, threshold, boxThreshold, unclipRatio } = choices;
  const { unclipRatio: statedRatio, ...rest } = stated;
  // Weights state the ratio of quads.
  const own = shape === 'quad' && statedRatio !== undefined ? { unclipRatio: statedRatio } : {};
  const given = Object.entries({ threshold, boxThreshold, unclipRatio }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...regionDefaults(shape), ...rest, ...own, ...Object.fromEntries(given) };
}

/** What the metadata of weights, which the detector has checked, says of post-processing. */
export const statedBy = (metadata: Readonly<Record<string, string>>): Stated =>
  JSON.parse(metadata.postprocess ?? '{}');

/** The options of `detect()` that the visitor chose: those that are not the defaults. */
export function detectOptions(choices: Choices): DetectOptions {
  const { shape, binarize, shortSide } = choices;
  const options: DetectOptions = {};
  if (shortSide !== undefined) options.size = { shortSide };
  if (shape !== 'quad') options.shape = shape;
  if (binarize !== 'P') options.binarize = binarize;
  for (const name of sliders) if (choices[name] !== undefined) options[name] = choices[name];
  return options;
}
