/** @file What pictures and outlines of texts can be; beyond, work and memory would grow without end. */

/** Coordinates beyond this are refused: no image is that large, and Clipper's exactness ends somewhere. */
export const MAX_COORDINATE = 1e7;

/** Pixels of one picture: 16384 x 16384. */
export const MAX_PIXELS = 2 ** 28;

/** An outline of less, in square pixels, is no text, as in the authors' code. */
export const MIN_AREA = 1;

/** Corners of one outline. */
export const MAX_CORNERS = 10_000;

/** How often an outline may cross itself: each crossing may make a part of its own. */
export const MAX_CROSSINGS = 1000;
