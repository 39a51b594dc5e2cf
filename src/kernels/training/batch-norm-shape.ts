/**
 * @file Batch norm in training: its nouns. A tensor is `[pixels, channels]`, the pixels of all images together.
 * The four kernels: `batchNormStatistics` and `batchNormCombine` (mean and variance), `batchNormForward`;
 * `batchNormSums` (gradients of scale and shift, in slices) and `batchNormBackward`.
 */

export interface BatchNormShape {
  label: string;
  /** Pixels of all images together. */
  pixels: number;
  /** A multiple of 4. */
  channels: number;
}

/**
 * Where mean and variance come from. `batch`: from the batch itself (the paper; PyTorch's training mode), so that the
 * gradient flows through them as well. `frozen`: the running ones (PyTorch's evaluation mode), constants.
 */
export type BatchNormMode = 'batch' | 'frozen';

/** Epsilon of PyTorch's BatchNorm2d. */
export const batchNormEpsilon = 1e-5;

/** Into how many slices the pixels are cut for sums: enough threads for a GPU, few enough to be added up by one. */
export const pixelSlices = (pixels: number): number => Math.max(1, Math.min(128, Math.ceil(pixels / 32)));

/** WGSL: the pixels `begin` to `end` of `slice`. */
export const slicePixels = `let begin = slice * shape.pixels / shape.slices;
  let end = (slice + 1u) * shape.pixels / shape.slices;`;

/**
 * WGSL: `mean`, and `scale` = 1 / sqrt(variance + eps), of the vector of channels `vector`. The statistics hold
 * the means, then the unbiased variances; the batch itself is normalised by the biased one.
 */
export const normalization = (mode: BatchNormMode): string => `let mean = statistics[vector];
  let variance = statistics[shape.vectors + vector]${
    mode === 'batch' ? ' * (f32(shape.pixels - 1u) / f32(shape.pixels))' : ''
  };
  let inverse = 1.0 / sqrt(variance + ${batchNormEpsilon});`;
