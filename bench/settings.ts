/** @file What a run measures and how: the same settings from the command line and from the page. */

import type { Precision } from '../src/kernels/wgsl.ts';
import type { Size } from '../src/size.ts';
import type { TimerMethod } from '../src/tuning/timing.ts';

export interface BenchSettings {
  /** Small sizes, few variants, no cold runs, no ladder: everyday use. */
  quick: boolean;
  /** Only what has all of these words in its name or group; commas separate alternatives; empty: everything. */
  filter: string;
  /** Sizes of the network's input; undefined: what suits the adapter. */
  sizes: Size[] | undefined;
  precisions: Precision[];
  timer: TimerMethod | 'auto';
  /** Samples of each candidate; undefined: what suits the adapter. */
  samples: number | undefined;
  /** False: no runs with rotated buffers. */
  cold: boolean;
}

export const defaultSettings: BenchSettings = {
  quick: false,
  filter: '',
  sizes: undefined,
  precisions: ['f32'],
  timer: 'auto',
  samples: undefined,
  cold: true,
};

/** Samples of each candidate on a GPU; the software adapters, thousands of times slower, get fewer. */
const gpuSamples = 20;
const softwareSamples = { quick: 3, full: 5 };

/** Sizes that let a full run end within minutes. */
const defaultSizes = {
  gpu: { quick: '320x320', full: '640x640' },
  software: { quick: '128x128', full: '320x320' },
};

/** How much is measured on an adapter of a kind. */
export interface Effort {
  sizes: Size[];
  samples: number;
  /** Milliseconds for which each candidate runs before it is timed. */
  warmUpMs: number;
  /** Tiles that are tried, and whether the unfused layers are measured too. */
  menu: 'all' | 'few';
  graphs: 'both' | 'fused';
  /** Bytes over which cold runs rotate; 0: no cold runs. */
  coldFootprint: number;
  /** Candidates that are so many times slower than the fastest get few samples. */
  hopeless: number;
  fewSamples: number;
}

export function effortOf(settings: BenchSettings, software: boolean): Effort {
  const { quick } = settings;
  const pace = quick ? 'quick' : 'full';
  return {
    sizes: settings.sizes ?? parseSizes(defaultSizes[software ? 'software' : 'gpu'][pace]),
    samples: settings.samples ?? (software ? softwareSamples[pace] : gpuSamples),
    warmUpMs: software ? 0 : quick ? 20 : 100,
    menu: quick ? 'few' : 'all',
    graphs: quick ? 'fused' : 'both',
    coldFootprint: quick || !settings.cold ? 0 : software ? 64e6 : 256e6,
    hopeless: software ? 2 : Number.POSITIVE_INFINITY,
    fewSamples: 2,
  };
}

/**
 * `320x320,640x640` as sizes.
 * @throws Error if a side is no multiple of 32.
 */
export function parseSizes(text: string): Size[] {
  return text.split(',').map((part) => {
    const [, width, height] = /^\s*(\d+)x(\d+)\s*$/i.exec(part) ?? [];
    const size = { width: Number(width), height: Number(height) };
    if (!Object.values(size).every((side) => side >= 32 && side <= 65504 && side % 32 === 0)) {
      throw new Error(
        `expected sizes such as 320x320,640x640 with sides that are multiples of 32, found '${text}'`,
      );
    }
    return size;
  });
}

/**
 * `f32`, `f16` or `f32,f16`.
 * @throws Error for anything else.
 */
export function parsePrecisions(text: string): Precision[] {
  const parts = [...new Set(text.split(',').map((part) => part.trim()))];
  if (!parts.every((part): part is Precision => part === 'f32' || part === 'f16')) {
    throw new Error(`expected f32, f16 or f32,f16, found '${text}'`);
  }
  return parts;
}

/**
 * A number of samples.
 * @throws Error unless it is a whole number of at least 1.
 */
export function parseSamples(text: string): number {
  const samples = Number(text);
  if (!Number.isSafeInteger(samples) || samples < 1) {
    throw new Error(`expected a whole number of at least 1, found '${text}'`);
  }
  return samples;
}

/** True if a name has all words of the filter, or of one of its parts between commas; case does not count. */
export function matches(filter: string, ...names: readonly string[]): boolean {
  const text = names.join(' ').toLowerCase();
  return filter
    .toLowerCase()
    .split(',')
    .some((part) => part.split(/\s+/).every((word) => text.includes(word)));
}

export const sizeName = ({ width, height }: Size): string => `${width}x${height}`;
