/** @file Width and height, and boxes that have them. */

/** Pixels of an image, or of a tensor's rows and columns. */
export interface Size {
  width: number;
  height: number;
}

/** An upright box: its top left corner and its sides. */
export interface Box extends Size {
  x: number;
  y: number;
}

/** A size of which something may fill only a part. */
export interface PaddedSize extends Size {
  /** The part that is filled, at the top left; without it all. */
  content?: Size;
}

/** The part of a size that is filled. */
export const contentOf = ({ width, height, content }: PaddedSize): Size => content ?? { width, height };
