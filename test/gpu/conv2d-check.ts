/** @file One convolution, with seeded random numbers, against the reference. */

import { conv2d } from '../../src/kernels/conv2d.ts';
import { type Conv2d, type Residual, upsampleClasses } from '../../src/kernels/conv2d-shape.ts';
import { packConvWeights } from '../../src/kernels/conv2d-weights.ts';
import { type Tile, tileName } from '../../src/kernels/tile.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { GpuContext } from '../../src/runtime/gpu-context.ts';
import { randomFloats } from './assert.ts';
import { assertWithin, representable, sumTolerance } from './precision.ts';
import { convolve } from './references/convolution.ts';
import type { Reference } from './references/reference.ts';
import { gatherClasses, upsampleNearest } from './references/upsample.ts';
import { type KernelInput, runKernel } from './run-kernel.ts';

/** Random tensors for a convolution. */
interface ConvData {
  sources: Float32Array[];
  /** Per source `[out, in, kernel, kernel]`. */
  weights: Float32Array[];
  bias: Float32Array;
  residuals: Float32Array[];
}

function randomData(conv: Conv2d, seed: number, precision: Precision): ConvData {
  let next = seed;
  const random = (length: number) => representable(randomFloats(length, next++), precision);
  return {
    // Channels that carry no data hold numbers as well: they must have no influence.
    sources: conv.sources.map(({ height, width, channels }) => random(height * width * channels)),
    weights: conv.sources.map(({ kernel, channels, usedChannels = channels }) =>
      random(conv.outChannels * usedChannels * kernel ** 2),
    ),
    bias: randomFloats(conv.outChannels, next++),
    residuals: conv.residuals.map((residual) => random(residualLength(conv, residual))),
  };
}

function residualLength({ outHeight, outWidth, outChannels }: Conv2d, residual: Residual): number {
  const length = outHeight * outWidth * outChannels;
  if (residual.kind === 'same') return length;
  const planes = residual.kind === 'classes' ? upsampleClasses(residual.scale).length ** 2 : 1;
  return (length * planes) / residual.scale ** 2;
}

/** The residual at the output's size. */
function fullResidual(conv: Conv2d, residual: Residual, values: Float32Array): ArrayLike<number> {
  if (residual.kind === 'same') return values;
  const { kind, scale } = residual;
  const small = { height: conv.outHeight / scale, width: conv.outWidth / scale, channels: conv.outChannels };
  return kind === 'classes' ? gatherClasses(values, small, scale) : upsampleNearest(values, small, scale);
}

/** The convolution by its definition; with `upsampledBy` that of the source, really upsampled. */
function reference(conv: Conv2d, data: ConvData): Reference {
  const scale = conv.upsampledBy ?? 1;
  return convolve({
    sources: conv.sources.map((source, i) => ({
      ...source,
      height: source.height * scale,
      width: source.width * scale,
      values: upsampleNearest(data.sources[i], source, scale),
      weights: data.weights[i],
      inChannels: source.usedChannels ?? source.channels,
    })),
    outHeight: conv.outHeight * scale,
    outWidth: conv.outWidth * scale,
    outChannels: conv.outChannels,
    bias: conv.bias ? data.bias : undefined,
    residuals: conv.residuals.map((residual, i) => fullResidual(conv, residual, data.residuals[i])),
    relu: conv.relu,
  });
}

/** Runs the convolution with each tile and compares. */
export async function checkConv2d(
  context: GpuContext,
  conv: Conv2d,
  tiles: readonly Tile[],
  precision: Precision,
  seed = 1,
): Promise<void> {
  const data = randomData(conv, seed, precision);
  const expected = reference(conv, data);
  const inputs: Record<string, KernelInput> = {
    ...Object.fromEntries(data.sources.map((values, i) => [`source${i}`, values])),
    weights: packConvWeights(conv, data.weights),
    bias: data.bias,
    ...Object.fromEntries(data.residuals.map((values, i) => [`residual${i}`, values])),
  };
  // Class images sum the taps before they multiply, so that they have no more terms than the plain form.
  const products = conv.sources.reduce((sum, { kernel, channels }) => sum + kernel ** 2 * channels, 0);
  const terms = products + 1 + conv.residuals.length;
  for (const tile of tiles) {
    const { output } = await runKernel(context, conv2d(conv, { tile, precision }), inputs);
    const actual = conv.upsampledBy
      ? gatherClasses(
          output,
          { height: conv.outHeight, width: conv.outWidth, channels: conv.outChannels },
          conv.upsampledBy,
        )
      : output;
    assertWithin(
      actual,
      expected,
      sumTolerance(terms, precision),
      `${conv.label}, ${precision}, ${tileName(tile)}`,
    );
  }
}
