/** @file Width and height. */

/** Pixels of an image, or of a tensor's rows and columns. */
export interface Size {
  width: number;
  height: number;
}
