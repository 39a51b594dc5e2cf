/** @file Nearest upsampling, really carried out, and what is built on it. Tensors `[height, width, channels]`. */

interface Size {
  height: number;
  width: number;
  channels: number;
}

/** Every pixel becomes `scale` x `scale` copies of itself; `height` and `width` are those of the source. */
export function upsampleNearest(
  values: ArrayLike<number>,
  { height, width, channels }: Size,
  scale: number,
): Float64Array {
  const result = new Float64Array(height * width * channels * scale ** 2);
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      for (let c = 0; c < channels; c++) {
        const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels + c;
        result[(y * width * scale + x) * channels + c] = values[from];
      }
    }
  }
  return result;
}

/** Puts tensors of `height` x `width` pixels one behind the other along the channels. */
export function concatenate(tensors: readonly ArrayLike<number>[], pixels: number): Float64Array {
  const channels = tensors.map(({ length }) => length / pixels);
  const result = new Float64Array(tensors.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (let pixel = 0; pixel < pixels; pixel++) {
    tensors.forEach((tensor, i) => {
      for (let c = 0; c < channels[i]; c++) result[at++] = tensor[pixel * channels[i] + c];
    });
  }
  return result;
}

/**
 * The image of which `images` holds the class images of an upsampling by `scale`: 2x2 of them for 2, else 3x3, in
 * the order first, between, last of the copies of a pixel, rows before columns; each of `height` x `width` pixels.
 */
export function gatherClasses(
  images: ArrayLike<number>,
  { height, width, channels }: Size,
  scale: number,
): Float64Array {
  const classes = scale === 2 ? 2 : 3;
  const classOf = (position: number) => {
    const copy = position % scale;
    return copy === 0 ? 0 : copy === scale - 1 ? classes - 1 : 1;
  };
  const result = new Float64Array(height * width * channels * scale ** 2);
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      const plane = classOf(y) * classes + classOf(x);
      const pixel = (plane * height + Math.floor(y / scale)) * width + Math.floor(x / scale);
      for (let c = 0; c < channels; c++) {
        result[(y * width * scale + x) * channels + c] = images[pixel * channels + c];
      }
    }
  }
  return result;
}
