/** @file One convolution, with seeded random numbers, against the reference. */

import type { GpuContext } from '../../src/gpu/device.ts';
import { type Conv2d, packBias, packConvWeights } from '../../src/kernels/conv2d.ts';
import type { Residual } from '../../src/kernels/conv2d-epilogue.ts';
import { convolution } from '../../src/kernels/convolution.ts';
import { vectorsOf } from '../../src/kernels/kernel.ts';
import { type Tile, tileName } from '../../src/kernels/tile.ts';
import { upsampleClasses } from '../../src/kernels/upsample-classes.ts';
import { packUpsampledConvWeights, type UpsampledConv2d } from '../../src/kernels/upsampled-conv2d.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { randomFloats } from './assert.ts';
import { assertWithin, representable, sumTolerance } from './precision.ts';
import { convolve } from './references/convolution.ts';
import { gatherClasses, upsampleNearest } from './references/upsample.ts';
import { type KernelInput, runKernel } from './run-kernel.ts';
import { assertLanes, stored, withoutLanes, zeroLanes } from './stored.ts';

/** Random numbers as they can be stored; the lanes of whole vec4s that carry no data are zero. */
const random = (length: number, channels: number, seed: number, precision: Precision) =>
  zeroLanes(representable(randomFloats(length, seed), precision), channels);

/** Runs the convolution with each tile and compares. */
export async function checkConv2d(
  context: GpuContext,
  conv: Conv2d,
  tiles: readonly Tile[],
  precision: Precision,
  seed = 1,
): Promise<void> {
  let next = seed;
  const { outChannels } = conv;
  const outStored = stored(outChannels);
  // Lanes of the image that carry no data hold numbers as well: they must have no influence.
  const sources = conv.sources.map(({ height, width, channels }) =>
    random(height * width * stored(channels), channels < 4 ? 4 : channels, next++, precision),
  );
  const weights = conv.sources.map(({ kernel, channels }) =>
    representable(randomFloats(outChannels * channels * kernel ** 2, next++), precision),
  );
  const bias = randomFloats(outChannels, next++);
  const factors = zeroLanes(randomFloats(stored(outChannels), next++, -2, 2), outChannels);
  const residuals = conv.residuals.map((residual) =>
    random(residualPixels(conv, residual) * outStored, outChannels, next++, precision),
  );
  const expected = convolve({
    ...conv,
    sources: conv.sources.map((source, i) => ({
      ...source,
      channels: stored(source.channels),
      inChannels: source.channels,
      values: sources[i],
      weights: weights[i],
    })),
    bias: conv.bias ? bias : undefined,
    factors: conv.scaled ? factors : undefined,
    residuals: conv.residuals.map((residual, i) =>
      withoutLanes(fullResidual(conv, residual, residuals[i]), outChannels),
    ),
  });
  const inputs: Record<string, KernelInput> = {
    ...Object.fromEntries(sources.map((values, i) => [`source${i}`, values])),
    weights: packConvWeights(conv, weights),
    bias: packBias(bias),
    factors,
    ...Object.fromEntries(residuals.map((values, i) => [`residual${i}`, values])),
  };
  const products = conv.sources.reduce((sum, { kernel, channels }) => sum + kernel ** 2 * channels, 0);
  const tolerance = sumTolerance(products + 2 + residuals.length, precision);
  for (const tile of tiles.filter((tile) => context.quads || tile.kind !== 'quad')) {
    const what = `${conv.label}, ${precision}, ${tileName(tile)}`;
    const { output } = await runKernel(context, convolution(conv, { tile, precision }), inputs);
    assertLanes(output, outChannels, what);
    assertWithin(withoutLanes(output, outChannels), expected, tolerance, what);
  }
}

/** Runs a convolution of an upsampled source with each tile, and compares with the source really upsampled. */
export async function checkUpsampledConv2d(
  context: GpuContext,
  conv: UpsampledConv2d,
  tiles: readonly Tile[],
  precision: Precision,
): Promise<void> {
  const { height, width, channels, outChannels, scale } = conv;
  const source = random(height * width * stored(channels), channels, 1, precision);
  const weights = representable(randomFloats(outChannels * channels * 9, 2), precision);
  const low = { height, width, channels: stored(channels) };
  const expected = convolve({
    sources: [
      {
        ...{ height: height * scale, width: width * scale, channels: stored(channels), inChannels: channels },
        ...{ kernel: 3, stride: 1, padding: { top: 1, left: 1 }, weights },
        values: upsampleNearest(source, low, scale),
      },
    ],
    ...{ outHeight: height * scale, outWidth: width * scale, outChannels },
  });
  const inputs = { source0: source, weights: packUpsampledConvWeights(conv, weights) };
  // Taps are summed before they multiply, so that there are no more terms than in the plain form.
  const tolerance = sumTolerance(9 * channels, precision);
  for (const tile of tiles.filter((tile) => context.quads || tile.kind !== 'quad')) {
    const { output } = await runKernel(context, convolution(conv, { tile, precision }), inputs);
    const actual = gatherClasses(output, { height, width, channels: stored(outChannels) }, scale);
    const what = `${conv.label}, ${precision}, ${tileName(tile)}`;
    assertWithin(withoutLanes(actual, outChannels), expected, tolerance, what);
  }
}

function residualPixels({ outHeight, outWidth }: Conv2d, residual: Residual): number {
  const pixels = outHeight * outWidth;
  if (residual.kind === 'same') return pixels;
  const planes = residual.kind === 'classes' ? upsampleClasses(residual.scale).length ** 2 : 1;
  return (pixels * planes) / residual.scale ** 2;
}

/** The residual at the output's size. */
function fullResidual(conv: Conv2d, residual: Residual, values: Float32Array): ArrayLike<number> {
  if (residual.kind === 'same') return values;
  const { kind, scale } = residual;
  const channels = 4 * vectorsOf(conv.outChannels);
  const small = { height: conv.outHeight / scale, width: conv.outWidth / scale, channels };
  return kind === 'classes' ? gatherClasses(values, small, scale) : upsampleNearest(values, small, scale);
}
