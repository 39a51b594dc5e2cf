/** @file Max-pooling by its definition. Tensors `[height, width, channels]`. */

interface Pooling {
  height: number;
  width: number;
  channels: number;
  outHeight: number;
  outWidth: number;
  kernel: number;
  stride: number;
  padding: { top: number; left: number };
}

export function maxPool(values: ArrayLike<number>, pooling: Pooling): Float64Array {
  const { height, width, channels, outHeight, outWidth, kernel, stride, padding } = pooling;
  const result = new Float64Array(outHeight * outWidth * channels).fill(Number.NEGATIVE_INFINITY);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // A value takes part in every window that covers it.
      for (let row = 0; row < outHeight; row++) {
        const first = row * stride - padding.top;
        if (y < first || y >= first + kernel) continue;
        for (let column = 0; column < outWidth; column++) {
          const left = column * stride - padding.left;
          if (x < left || x >= left + kernel) continue;
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

/** 3x3, stride 2, padding 1, as after the stem of a ResNet. */
export const pool3x3 = ({ height, width, channels }: Pick<Pooling, 'height' | 'width' | 'channels'>) => ({
  ...{ height, width, channels, outHeight: Math.ceil(height / 2), outWidth: Math.ceil(width / 2) },
  ...{ kernel: 3, stride: 2, padding: { top: 1, left: 1, bottom: 1, right: 1 } },
});
