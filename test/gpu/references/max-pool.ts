/** @file Max-pooling 3x3, stride 2, padding 1, by its definition. Tensors `[height, width, channels]`. */

export function maxPool3x3(
  values: ArrayLike<number>,
  height: number,
  width: number,
  channels: number,
): Float64Array {
  const outHeight = Math.floor((height - 1) / 2) + 1;
  const outWidth = Math.floor((width - 1) / 2) + 1;
  const result = new Float64Array(outHeight * outWidth * channels).fill(Number.NEGATIVE_INFINITY);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // A value takes part in every window that covers it: those of centres 2 * row with |2 * row - y| <= 1.
      for (let row = Math.ceil((y - 1) / 2); row <= Math.min((y + 1) / 2, outHeight - 1); row++) {
        for (let column = Math.ceil((x - 1) / 2); column <= Math.min((x + 1) / 2, outWidth - 1); column++) {
          for (let c = 0; c < channels; c++) {
            const at = (row * outWidth + column) * channels + c;
            result[at] = Math.max(result[at], values[(y * width + x) * channels + c]);
          }
        }
      }
    }
  }
  return result;
}
