/** @file Straight RGBA composed over a colour, in f64. */

/** RGB: each channel pixel * alpha + colour * (1 - alpha), rounded to 8 bits. */
export function compose(rgba: ArrayLike<number>, background: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: (rgba.length / 4) * 3 }, (_, i) => {
    const pixel = 4 * Math.floor(i / 3);
    const alpha = rgba[pixel + 3] / 255;
    return Math.round(rgba[pixel + (i % 3)] * alpha + background[i % 3] * (1 - alpha));
  });
}
