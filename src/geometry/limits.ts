/** @file What no picture and no outline of a text exceeds; beyond it, work and memory would grow without end. */

/** Coordinates beyond this are refused: no image is that large, and Clipper's exactness ends somewhere. */
export const MAX_COORDINATE = 1e7;

/** Pixels of one picture: 16384 x 16384. */
export const MAX_PIXELS = 2 ** 28;

/** Corners of one outline. */
export const MAX_CORNERS = 10_000;

/** How often an outline may cross itself: each crossing may make a part of its own. */
export const MAX_CROSSINGS = 1000;
