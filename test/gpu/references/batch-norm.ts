/** @file Batch norm by its definition. */

/** Mean and biased variance per channel of `[pixels, channels]`. */
export function statisticsOf(
  source: ArrayLike<number>,
  channels: number,
): { mean: Float64Array; variance: Float64Array } {
  const pixels = source.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let i = 0; i < source.length; i++) mean[i % channels] += source[i] / pixels;
  for (let i = 0; i < source.length; i++) {
    variance[i % channels] += (source[i] - mean[i % channels]) ** 2 / pixels;
  }
  return { mean, variance };
}

/** `(source - mean) / sqrt(variance + 1e-5) * weight + bias`, then ReLU if asked for. */
export function batchNorm(
  source: ArrayLike<number>,
  { mean, variance }: { mean: ArrayLike<number>; variance: ArrayLike<number> },
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  relu: boolean,
): Float64Array {
  const channels = mean.length;
  return Float64Array.from(source, (x, i) => {
    const c = i % channels;
    const y = ((x - mean[c]) / Math.sqrt(variance[c] + 1e-5)) * weight[c] + bias[c];
    return relu ? Math.max(y, 0) : y;
  });
}
