/** @file The nouns of label maps: labelled polygons in, the targets of training out. */

import type { FillScratch } from '../geometry/fill-poly.ts';
import type { Point } from '../geometry/polygon.ts';

/** A word or line of text as an annotator outlined it. */
export interface LabelPolygon {
  /** At least three corners, in pixels of the maps; may lie outside of them, in either orientation. */
  points: readonly Point[];
  /** Don't care: neither text nor background. Default: false. */
  ignore?: boolean;
}

/** How polygons become maps. Names as in the authors' code. */
export interface LabelMapOptions {
  /** Shrink ratio r: the offset distance is D = A (1 - r^2) / L (paper, equation 10). 0 to below 1. */
  shrinkRatio: number;
  /** Threshold away from the polygons' borders. 0 to 1. */
  thresholdMin: number;
  /** Threshold on the polygons' borders. `thresholdMin` to 1. */
  thresholdMax: number;
  /** A polygon whose bounding box has a shorter side (pixels) is put out of the probability mask. */
  minimumSize: number;
  /**
   * How far a pixel is from an edge. `authors`: the distance to the edge's line where the edge is seen from the
   * pixel at an angle of 90 degrees or more, else to the nearer end (also near an edge's middle, where that is
   * too far); every port has it, and weights are trained with it. `segment`: the true distance.
   */
  distance: 'authors' | 'segment';
  /**
   * What becomes of polygons that reach outside. `authors`: corners outside are moved to the nearest pixel of
   * the image, which bends the edges. `exact`: polygons are cut off at the border, and may fall apart there.
   */
  clipping: 'authors' | 'exact';
}

/** The four maps, row-major, `height * width` values each. */
export interface LabelArrays {
  /** Target of P: 1 in shrunk polygons, else 0. */
  probability: Float32Array;
  /** 1 where P is trained; 0 in polygons that are ignored. */
  probabilityMask: Float32Array;
  /** Target of T: from `thresholdMax` on the polygons' borders down to `thresholdMin` at the distance D. */
  threshold: Float32Array;
  /** 1 where T is trained: in dilated polygons; else 0. */
  thresholdMask: Float32Array;
}

/** What `labelMaps` takes: any of the options, and memory to use. */
export interface LabelMapsOptions extends Partial<LabelMapOptions> {
  /** Arrays to write the maps into (every value is written): views of a batch, for example. Default: new ones. */
  into?: LabelArrays;
  /** Spares allocations when many maps are made. */
  scratch?: FillScratch;
}

/** A polygon that is not text in the maps. */
export interface IgnoredPolygon {
  /** Its place in the list of polygons. */
  index: number;
  /**
   * `ignore`: so labelled. `outside`: no pixel of it is in the image. `area`: below 1 square pixel in the image.
   * `size`: narrower than `minimumSize` there. `shrink`: nothing of it is left when it is shrunk.
   */
  reason: 'ignore' | 'outside' | 'area' | 'size' | 'shrink';
}

/** What `labelMaps` returns. */
export interface LabelMaps extends LabelArrays {
  width: number;
  height: number;
  /** The polygons of which no part is text, in their order. The others have at least one pixel in P or its mask. */
  ignored: IgnoredPolygon[];
}
