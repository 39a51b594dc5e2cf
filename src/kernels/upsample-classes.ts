/**
 * @file A 3x3 convolution (stride 1, padding 1) of a nearest-upsampled tensor takes few distinct values per source
 * pixel: the class images. Identity: along an axis, an output at the first of the `scale` copies of a pixel sees rows
 * (-1: w0, 0: w1 + w2), at the last (0: w0 + w1, +1: w2), between them (0: w0 + w1 + w2).
 */

/** One class of output position along an axis of an upsampled source: its taps and where the first one lies. */
export interface UpsampleClass {
  /** For each tap, the taps of the 3-tap kernel that fall on the same source pixel. */
  taps: readonly (readonly number[])[];
  padding: 0 | 1;
}

/**
 * Classes along one axis, in the order in which the class images are stored.
 *
 * @example
 * upsampleClasses(2).map(({ taps }) => taps.length); // [2, 2]
 */
export function upsampleClasses(scale: number): readonly UpsampleClass[] {
  const first: UpsampleClass = { taps: [[0], [1, 2]], padding: 1 };
  const between: UpsampleClass = { taps: [[0, 1, 2]], padding: 0 };
  const last: UpsampleClass = { taps: [[0, 1], [2]], padding: 0 };
  return scale === 2 ? [first, last] : [first, between, last];
}
