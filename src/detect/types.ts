/** @file The nouns of the public face: what goes into a detector and what comes out. */

import type { AdapterDescription } from '../adapter-name.ts';
import type { DetectionWarning, InputRecipe, Rgb, SizeOption, SizeRule } from '../input/types.ts';
import type { Box, Point, Region, RegionOptions } from '../postprocess/types.ts';
import type { BytesSource } from '../safetensors/load.ts';
import type { TuningReport } from '../tuning/tuned-choice.ts';
import type { Web } from '../web.ts';

export type { Box, Point, Region, TuningReport };

/**
 * How far a call has come. `done` and `total` are bytes for `weights`, classes of layers for `tune` (with fractions),
 * pipelines for `compile`, multiply-adds or stages otherwise. In `create()` the stages `weights` and `compile` go on side by
 * side.
 */
export interface Progress {
  stage: 'weights' | 'tune' | 'compile' | 'preprocess' | 'network' | 'readback' | 'postprocess';
  done: number;
  total: number;
}

export type OnProgress = (progress: Progress) => void;

/** Options of {@link TextDetector.detect}. What is left out comes from the weights' metadata, then the paper. */
export interface DetectOptions extends Partial<RegionOptions> {
  /** Which map is thresholded: the probability map or the approximate binary map. Default `P`. */
  binarize?: 'P' | 'B';
  /** Whether the maps are given with the regions, of the same run of the network. Default false. */
  maps?: boolean;
  size?: SizeOption;
  /**
   * The part of the image in which text is looked for, at its own scale: `size` is for it as if it were the image. Points stay
   * those of the whole image. Default: all.
   */
  regionOfInterest?: Box;
  /**
   * For pictures of many small words, scans and screenshots: the network runs at the picture's own scale, on parts that overlap and
   * have the weights' own size, and takes no more GPU memory than for one; words at the seams are found once. `size` and `maps`
   * do not go with it. It changes nothing where the picture is no larger than a part. Default false.
   */
  split?: boolean;
  /** What transparent pixels are composed over. Default white, as viewers show them. */
  background?: Rgb;
  onProgress?: OnProgress;
  signal?: Web<'AbortSignal'>;
}

/** Milliseconds of one call, by stage. */
export interface Timings {
  preprocess: number;
  network: number;
  readback: number;
  postprocess: number;
  total: number;
}

/** What {@link TextDetector.detect} gives: regions in pixels of the source image. */
export interface Detection {
  regions: Region[];
  /** Size of the source image, pixels. */
  width: number;
  height: number;
  /**
   * Size at which the network ran, pixels, with `split` that of a part; with `content`, only that part at the top left was the image, and the rest was
   * padded with the mean colour ({@link SizeRule} `fit`).
   */
  network: { width: number; height: number; content?: { width: number; height: number } };
  /** True if the mask had more contours than `maxCandidates`, so that the smallest were left out. */
  truncated: boolean;
  /** Why text may have been missed, and what to do. Usually empty. */
  warnings: DetectionWarning[];
  timings: Timings;
  /** On what it was computed, in words for people, as `DetectorInfo.runsOn`. */
  runsOn: string;
  /** With the option `maps`: as {@link TextDetector.maps} gives them. */
  maps?: Maps;
}

/** What {@link TextDetector.detect} gives with `maps: true`. */
export interface DetectionWithMaps extends Detection {
  maps: Maps;
}

/** Options of {@link TextDetector.stream}. */
export interface StreamOptions extends DetectOptions {
  /**
   * How many frames are on their way at a time, results that nobody has asked for included: more do not help. Default 2, so that
   * one is computed while the other is read back; 1 on software adapters.
   */
  inFlight?: number;
}

/** What {@link TextDetector.stream} gives for a frame. */
export interface StreamedDetection extends Detection {
  /** Frames that came since the one before and were too late to be looked at; 0 where the source does not say. */
  skipped: number;
  /** The frame's place in the video, seconds, where the source says it. */
  mediaTime?: number;
}

/** Options of {@link TextDetector.maps}. */
export interface MapsOptions {
  size?: SizeOption;
  /** As for `detect()`: the maps are those of this part. */
  regionOfInterest?: Box;
  /** As for `detect()`. */
  background?: Rgb;
  onProgress?: OnProgress;
  signal?: Web<'AbortSignal'>;
}

/** Options of {@link TextDetector.tune}. */
export interface TuneOptions {
  /** Milliseconds after which no new candidate is begun. Default 2,000 on a GPU, 60,000 on a software adapter. */
  budgetMs?: number;
  onProgress?: OnProgress;
  signal?: Web<'AbortSignal'>;
}

/**
 * The maps at network resolution, row-major `[height, width]`. Weights without a threshold head give P alone: `if (maps.T)`
 * tells, to TypeScript as well.
 */
export type Maps = ProbabilityAlone | AllMaps;

interface ProbabilityAlone {
  /** Probability map, 0 to 1. */
  P: Float32Array;
  T?: undefined;
  B?: undefined;
  width: number;
  height: number;
  /** The part of the maps, at the top left, that the image fills, where it does not fill all: see `Detection.network`. */
  content?: { width: number; height: number };
}

interface AllMaps extends Omit<ProbabilityAlone, 'T' | 'B'> {
  /** Threshold map, 0 to 1. */
  T: Float32Array;
  /** Approximate binary map 1 / (1 + exp(-k (P - T))), paper eq. 2. */
  B: Float32Array;
}

/** A part of a detector that is not as it should be, without harm to its results. */
export interface DetectorWarning {
  /**
   * The device computes a kind of kernel wrongly (see the option `selfTest`), so that a plainer one is used, which is slower: a
   * tile, Winograd's filtering, a fusion, or f16.
   */
  code: 'kernel-replaced';
  /** For people: which kernel, how it is wrong, and what is used instead. */
  message: string;
}

/** What a detector runs on. */
export interface DetectorInfo {
  /** In words for people: the adapter's name, and where it computes on the CPU, that it does. */
  runsOn: string;
  adapter: AdapterDescription;
  /** True where the adapter computes on the CPU (SwiftShader, lavapipe, WARP). */
  software: boolean;
  /** Storage and arithmetic of weights and activations. Sums, and the maps P, T and B, are always f32. */
  precision: 'f32' | 'f16';
  /** What the self test found so far; it looks at kernels when a size or a kind of image comes that needs them. Usually empty. */
  warnings: DetectorWarning[];
  weights: {
    architecture: string;
    parameters: number;
    /** Whether there is more than P: T, and B with it. */
    hasThresholdHead: boolean;
    input: InputRecipe;
    /** At which size the network runs unless the option `size` says otherwise. */
    size: SizeRule;
    /** All `__metadata__` of the weights file. */
    metadata: Record<string, string>;
  };
}

/** What weights can come from: a URL (in Node and Deno a path too), a response, a file, or its bytes. */
export type WeightsSource = BytesSource;

/** What {@link TextDetector.isSupported} gives. */
export type Support =
  | {
      supported: true;
      /** As in {@link DetectorInfo}: a page may ask less of a CPU. */
      runsOn: string;
      software: boolean;
    }
  | {
      supported: false;
      /**
       * `insecure-page`: WebGPU is for https and localhost; `no-webgpu`: there is no `navigator.gpu`; `no-adapter`: there
       * is, but no GPU that it would use.
       */
      reason: 'insecure-page' | 'no-webgpu' | 'no-adapter';
      /** What was expected and found, and what to do, for people. */
      message: string;
    };

/** Options of {@link TextDetector.create}. */
export interface CreateOptions {
  weights: WeightsSource;
  /**
   * Keeps weights that come by http in the browser's Cache API (and Deno's), by their address, and takes them from there
   * the next time without asking the server: give files that change another name, or `sha256`. No effect where there is
   * no such cache, where it refuses, or for weights that do not come by http. Default false.
   */
  cache?: boolean;
  /** What the SHA-256 of the file must be, in hexadecimal. Kept weights of another sum are loaded anew. */
  sha256?: string;
  /** Where `navigator.gpu` is missing: in Node what `gpu()` of `dbnet-webgpu/node` gives. */
  gpu?: GPU;
  /** A device of the caller's. It is never destroyed by the detector. */
  device?: GPUDevice;
  /** Told once of each loss of the device, with the browser's reason. What is disposed is not lost. */
  onDeviceLost?: (reason: string) => void;
  /** Overrides the input recipe of the weights' metadata; `'rgb'`/`'bgr'` alone overrides the order. */
  input?: Partial<InputRecipe>;
  /**
   * `f32` (default), `f16` (half the memory traffic; P within 5e-3), or `auto`: f16 on GPUs that compile it.
   */
  precision?: 'f32' | 'f16' | 'auto';
  /**
   * How convolutions are computed: tiles, and where by Winograd's filtering. `cached` (default): as `tune()` found it
   * best on this device in this or an earlier session, else the library's defaults; nothing is measured. `full`: the
   * same, but where nothing is stored for the default size (a square of the side that the weights' rule names), `create()` measures
   * first: about 2 s on a GPU, 60 s on a software adapter. `off`: the defaults.
   */
  tune?: 'off' | 'cached' | 'full';
  /**
   * For how many sizes of the network what was compiled is kept, the most recently used: one more makes room, and a size that
   * comes back compiles again. P alone and all maps of one size count as two, and so does each kind of image (1, 3 or 4
   * channels, what is copied, frames). Memory is that of the largest of them, not their sum. A whole number, at least 1;
   * default 16.
   */
  maxCachedSizes?: number;
  /**
   * Whether kernels are tried on small inputs with known results before their first use, as there are drivers that compute
   * nonsense without an error: once for each adapter, version of the library and of the runtime. What fails is replaced by a plainer kernel, with a
   * warning in {@link DetectorInfo}; where none is right, calls fail with `wrong-results`. Default true.
   */
  selfTest?: boolean;
  onProgress?: OnProgress;
  signal?: Web<'AbortSignal'>;
}
