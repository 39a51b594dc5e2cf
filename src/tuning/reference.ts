/**
 * @file The reference that candidates are compared with: what the plainest tile computes, after a sample of it has
 * been checked against the definition.
 */

import { type Conv2d, classCount, weightRows } from '../kernels/conv2d-shape.ts';
import { elementBytes, type Precision } from '../kernels/wgsl.ts';
import { bufferUsage } from '../runtime/constants.ts';
import type { GpuContext } from '../runtime/gpu-context.ts';
import { toFloat32 } from '../safetensors/convert.ts';
import type { Tolerance } from './check-kernels.ts';
import { expectedValue, type NumberAt } from './expected-value.ts';

const mapModeRead = 0x1; // GPUMapMode.READ, which Node has no global for

/** Outputs that are checked, the first and the last among them. */
const sampleCount = 48;

/** Unit roundoff of f32 and f16. */
const unit = { f32: 2 ** -24, f16: 2 ** -11 } as const;

/** Root mean square of the product of two made-up numbers, which are uniform from -1 to 1. */
const productSize = 1 / 3;

/** How many times the expected error is allowed, for the worst of millions of outputs. */
const margin = 16;

/**
 * What two orders of summing may differ by. The rounding errors of n random products behave like a random walk:
 * about u n |product| together, as partial sums grow with sqrt(n). In f16 the products are rounded as well,
 * u' sqrt(n) |product|, and so is the result. One product too many or too few is far above both.
 */
export function sumTolerance(conv: Conv2d, precision: Precision): Tolerance {
  // For class images this counts all classes, which only allows more.
  const terms = weightRows(conv) / (conv.planes ?? 1);
  const products = precision === 'f16' ? unit.f16 * Math.sqrt(terms) : 0;
  return {
    absolute: margin * productSize * (unit.f32 * terms + products),
    relative: 4 * unit[precision],
  };
}

/** Indices of outputs that are checked: spread evenly and without a pattern. */
export function sampleIndices(count: number): number[] {
  const goldenRatio = (Math.sqrt(5) - 1) / 2;
  const between = Array.from({ length: Math.min(sampleCount, count) - 2 }, (_, i) =>
    Math.floor((((i + 1) * goldenRatio) % 1) * count),
  );
  return [0, ...between, count - 1];
}

/**
 * Checks a sample of the convolution's output in `output` against the definition.
 * @returns what is wrong, or undefined.
 */
export async function checkSample(
  context: GpuContext,
  conv: Conv2d,
  precision: Precision,
  output: GPUBuffer,
  numberAt: NumberAt,
): Promise<string | undefined> {
  const indices = sampleIndices(classCount(conv) * conv.outHeight * conv.outWidth * conv.outChannels);
  const found = await readElements(context, output, indices, precision);
  const { absolute, relative } = sumTolerance(conv, precision);
  for (const [i, index] of indices.entries()) {
    const expected = expectedValue(conv, index, numberAt);
    // Written so that NaN is wrong.
    if (!(Math.abs(found[i] - expected) <= absolute + relative * Math.abs(expected))) {
      return `expected ${expected.toPrecision(6)} at index ${index}, found ${found[i].toPrecision(6)}`;
    }
  }
  return undefined;
}

/** Single elements of a buffer of `precision` numbers. */
async function readElements(
  { device, memory }: GpuContext,
  buffer: GPUBuffer,
  indices: readonly number[],
  precision: Precision,
): Promise<number[]> {
  const staging = memory.createBuffer({
    label: 'tuning: sample',
    size: 4 * indices.length,
    usage: bufferUsage.mapRead | bufferUsage.copyTo,
  });
  try {
    const element = elementBytes(precision);
    const encoder = device.createCommandEncoder();
    for (const [i, index] of indices.entries()) {
      const word = Math.floor((index * element) / 4) * 4;
      encoder.copyBufferToBuffer(buffer, word, staging, 4 * i, 4);
    }
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(mapModeRead);
    const mapped = staging.getMappedRange();
    return indices.map((index, i) => {
      const bytes = new Uint8Array(mapped, 4 * i + ((index * element) % 4), element);
      return toFloat32(bytes, precision === 'f16' ? 'F16' : 'F32')[0];
    });
  } finally {
    memory.free(staging);
  }
}
