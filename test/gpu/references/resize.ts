/**
 * @file OpenCV's bilinear resize of 8-bit images, by its definition (imgproc/src/resize.cpp, `INTER_LINEAR`,
 * no antialias): half-pixel centres in f32, weights as 16-bit multiples of 1/2048, rounded result.
 */

interface Tap {
  first: number;
  second: number;
  firstWeight: number;
  secondWeight: number;
}

/** For each target position the two source positions and their weights. */
function taps(from: number, to: number, axis: 'x' | 'y'): Tap[] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.fround((i + 0.5) * (from / to) - 0.5);
    let first = Math.floor(position);
    let fraction = Math.fround(position - first);
    // Beyond the centres of the border pixels there is the border pixel alone: OpenCV gives it all the weight in
    // x, and takes it twice in y, which cuts differently.
    if (axis === 'x' && (first < 0 || first >= from - 1)) {
      first = first < 0 ? 0 : from - 1;
      fraction = 0;
    }
    const clip = (index: number) => Math.min(Math.max(index, 0), from - 1);
    return {
      first: clip(first),
      second: clip(first + 1),
      firstWeight: nearestEven(Math.fround(Math.fround(1 - fraction) * 2048)),
      secondWeight: nearestEven(Math.fround(fraction * 2048)),
    };
  });
}

/** OpenCV rounds as the processor does: halves to the even neighbour. */
function nearestEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Pixels `[height, width, channels]` resized to `target`. */
export function resizeBilinear(
  pixels: ArrayLike<number>,
  source: { height: number; width: number },
  channels: number,
  target: { height: number; width: number },
): Uint8Array {
  const columns = taps(source.width, target.width, 'x');
  const rows = taps(source.height, target.height, 'y');
  const result = new Uint8Array(target.height * target.width * channels);
  /** A row of the source, resized horizontally: multiples of 1/2048. */
  const horizontal = (row: number, { first, second, firstWeight, secondWeight }: Tap, channel: number) =>
    pixels[(row * source.width + first) * channels + channel] * firstWeight +
    pixels[(row * source.width + second) * channels + channel] * secondWeight;
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      for (let channel = 0; channel < channels; channel++) {
        const upper = Math.floor(horizontal(row.first, column, channel) / 16);
        const lower = Math.floor(horizontal(row.second, column, channel) / 16);
        const quarters =
          Math.floor((upper * row.firstWeight) / 65536) + Math.floor((lower * row.secondWeight) / 65536);
        result[at++] = Math.floor((quarters + 2) / 4);
      }
    }
  }
  return result;
}
