/** @file The nouns of post-processing: maps in, regions out. */

import type { Point } from '../geometry/polygon.ts';
import type { Box } from '../size.ts';

export type { Box, Point };

/** A region of text, plain JSON. Quads are ordered top-left, top-right, bottom-right, bottom-left; polygons run
 * clockwise on the screen, from the point of the smallest x + y. */
export interface Region {
  points: Point[];
  /** The upright box around the points. */
  box: Box;
  /** Mean probability inside the region, 0 to 1. */
  score: number;
}

/** How maps become regions. Section "from maps to regions" of the paper; names as in the authors' code. */
export interface RegionOptions {
  /**
   * `quad`: minimum-area rectangles, as the authors have them, in pixels of the map: where the picture was stretched to the
   * network's size, they are parallelograms in the picture. `polygon`: the unclipped contour itself.
   */
  shape: 'quad' | 'polygon';
  /** A pixel belongs to the mask if its value is above this (strictly). 0 to 1. */
  threshold: number;
  /** A region is dropped if its score is below this. 0 to 1. */
  boxThreshold: number;
  /** Offset distance D = A * ratio / L (A area, L perimeter). 0 to 100. */
  unclipRatio: number;
  /** At most this many contours are looked at, the largest by area first. */
  maxCandidates: number;
  /** A rectangle with a shorter side (network pixels) is dropped; after the unclip, one below `minSize + 2`. */
  minSize: number;
  /** `fast`: mean over the filled rectangle (quad) or the simplified polygon; `slow`: over the contour. */
  score: 'fast' | 'slow';
  /**
   * Points of a polygon are left out as long as its outline stays within about A * simplify / L (A area, L perimeter). 0
   * leaves out those on straight lines only. 0 to 1. Default 0.03: in photos 36 points are left of 75 (medians), at an IoU
   * of 0.993 or more with the full polygon and the same F; 0.05 leaves 27, at 0.987.
   */
  simplify: number;
}

/** What `findRegions` takes: any of the options, and the size that the points are to be scaled to. */
export interface FindRegionsOptions extends Partial<RegionOptions> {
  /**
   * Size of the source image. Points are scaled to it (x and y separately) and clipped to
   * [0, width] x [0, height], then moved by `x` and `y`, where the map is of a part of an image. Default: the size of the map's
   * content.
   */
  target?: { x?: number; y?: number; width: number; height: number };
}

/** A probability map at network resolution, row-major. */
export interface ProbabilityMap {
  /** P, `width * height` values; the scores are means of these. */
  data: Float32Array;
  width: number;
  height: number;
  /** The part of the map, at its top left, that the image fills; the rest counts as not there. Default: all of it. */
  content?: { width: number; height: number };
  /**
   * The pixels to take regions from, if it is not `data > threshold` (B, for example, or computed on the GPU):
   * either one byte per pixel (0 or 1), or one bit per pixel, rows padded to whole words of 32 pixels, pixel
   * x of a row being bit `x % 32` (least significant first) of word `x >> 5`. The threshold is not applied to it.
   */
  mask?: Uint8Array | Uint32Array;
}

/** What `findRegions` returns. */
export interface RegionResult {
  /** In the order in which a scan, row by row, meets the regions' contours in the mask. */
  regions: Region[];
  /** Whether contours were left out because there were more than `maxCandidates`. */
  truncated: boolean;
}
