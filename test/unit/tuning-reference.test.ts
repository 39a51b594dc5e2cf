/** @file What candidates are judged by: the definition of a convolution, its made-up numbers, and the tolerance. */

import { describe, expect, test } from 'vitest';
import { type Conv2d, packConvWeights } from '../../src/kernels/conv2d.ts';
import { type Convolution, gemmOf } from '../../src/kernels/convolution.ts';
import { packUpsampledConvWeights } from '../../src/kernels/upsampled-conv2d.ts';
import { madeUpNumber } from '../../src/tuning/check-kernels.ts';
import { expectedValue } from '../../src/tuning/expected-value.ts';
import { sampleIndices, sumTolerance } from '../../src/tuning/reference.ts';
import { numberAt } from '../../src/tuning/tuning-buffers.ts';
import { convolve } from '../gpu/references/convolution.ts';
import { gatherClasses, upsampleNearest } from '../gpu/references/upsample.ts';
import { seededRandom } from '../helpers/random.ts';

const random = seededRandom(1);
const numbers = (length: number) => Float32Array.from({ length }, () => random() - 0.5);
const window3 = { kernel: 3, stride: 1, padding: { top: 1, left: 1 } };

const bare: Conv2d = {
  label: 'layer',
  sources: [{ height: 4, width: 6, channels: 8, ...window3 }],
  outHeight: 4,
  outWidth: 6,
  outChannels: 8,
  bias: false,
  residuals: [],
  activation: 'none',
};

/** Weights per source in PyTorch's layout. */
const weightsOf = (conv: Conv2d) =>
  conv.sources.map(({ kernel, channels }) => numbers(conv.outChannels * channels * kernel ** 2));

function allValues(conv: Convolution, tensors: Record<string, ArrayLike<number>>): Float64Array {
  const { planes, pixels, outChannels } = gemmOf(conv);
  const count = planes * pixels * outChannels;
  return Float64Array.from({ length: count }, (_, i) =>
    expectedValue(conv, i, (binding, index) => {
      expect(tensors[binding].length).toBeGreaterThan(index);
      return tensors[binding][index];
    }),
  );
}

function expectClose(actual: Float64Array, expected: Float64Array) {
  expect(actual.length).toBe(expected.length);
  expect(Math.max(...actual.map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(1e-5);
}

describe('expectedValue', () => {
  test('planes, each a product of matrices with weights of its own', () => {
    const conv = { label: 'products', planes: 3, height: 4, width: 6, channels: 8, outChannels: 8 };
    const [source0, weights] = [numbers(3 * 24 * 8), numbers(3 * 8 * 8)];
    const expected = new Float64Array(3 * 24 * 8);
    for (let i = 0; i < expected.length; i++) {
      const [plane, out] = [Math.floor(i / (24 * 8)), i % 8];
      for (let c = 0; c < 8; c++) {
        expected[i] += source0[i - out + c] * weights[plane * 64 + c * 8 + out];
      }
    }
    expectClose(allValues(conv, { source0, weights }), expected);
  });

  test('two sources, strides, an unused channel, bias, residuals, ReLU', () => {
    const conv: Conv2d = {
      ...bare,
      sources: [
        { height: 8, width: 12, channels: 3, kernel: 3, stride: 2, padding: { top: 1, left: 1 } },
        { height: 4, width: 6, channels: 8, kernel: 1, stride: 1, padding: { top: 0, left: 0 } },
      ],
      bias: true,
      residuals: [{ kind: 'same' }, { kind: 'upsampled', scale: 2 }, { kind: 'classes', scale: 2 }],
      activation: 'relu',
    };
    const weights = weightsOf(conv);
    const sources = [numbers(8 * 12 * 4), numbers(4 * 6 * 8)];
    const bias = numbers(8);
    const [same, small, classes] = [numbers(4 * 6 * 8), numbers(2 * 3 * 8), numbers(4 * 2 * 3 * 8)];
    const low = { height: 2, width: 3, channels: 8 };
    const expected = convolve({
      ...conv,
      sources: conv.sources.map((source, i) => ({
        ...source,
        values: sources[i],
        weights: weights[i],
        channels: sources[i].length / (source.height * source.width),
        inChannels: source.channels,
      })),
      bias,
      residuals: [same, upsampleNearest(small, low, 2), gatherClasses(classes, low, 2)],
    }).values;
    expectClose(
      allValues(conv, {
        source0: sources[0],
        source1: sources[1],
        weights: packConvWeights(conv, weights),
        bias,
        residual0: same,
        residual1: small,
        residual2: classes,
      }),
      expected,
    );
  });

  test.each([2, 4])('class images of a source upsampled by %i', (scale) => {
    const conv = { label: 'classes', height: 4, width: 6, channels: 8, outChannels: 8, scale };
    const weights = weightsOf(bare);
    const source = numbers(4 * 6 * 8);
    const images = allValues(conv, {
      source0: source,
      weights: packUpsampledConvWeights(conv, weights[0]),
    });
    const low = { height: 4, width: 6, channels: 8 };
    const expected = convolve({
      outChannels: 8,
      outHeight: 4 * scale,
      outWidth: 6 * scale,
      sources: [
        {
          ...window3,
          height: 4 * scale,
          width: 6 * scale,
          channels: 8,
          inChannels: 8,
          values: upsampleNearest(source, low, scale),
          weights: weights[0],
        },
      ],
    }).values;
    expectClose(gatherClasses(images, low, scale), expected);
  });
});

describe('made-up numbers', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => madeUpNumber(5, i));

  test('are spread evenly from -1 to below 1, exact in f16', () => {
    expect(Math.min(...many)).toBe(-1);
    expect(Math.max(...many)).toBe(1023 / 1024);
    const mean = many.reduce((sum, value) => sum + value, 0) / many.length;
    const square = many.reduce((sum, value) => sum + value ** 2, 0) / many.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(square).toBeCloseTo(1 / 3, 1);
    expect(many.every((value) => Number.isInteger(value * 1024))).toBe(true);
  });

  test.each(['source1', 'weights', 'residual0', 'bias'])(
    'of source0 and %s have nothing in common',
    (other) => {
      const product = many.reduce((sum, _, i) => sum + numberAt('source0', i) * numberAt(other, i), 0);
      expect(Math.abs(product / many.length)).toBeLessThan(0.01);
    },
  );
});

describe('the tolerance', () => {
  test.each(['f32', 'f16'] as const)('of %s is far below one product, far above rounding', (precision) => {
    const largest: Conv2d = { ...bare, sources: [{ ...bare.sources[0], channels: 512 }] };
    const { absolute, relative } = sumTolerance(largest, precision);
    expect(absolute).toBeLessThan(1 / 3);
    const unit = precision === 'f32' ? 2 ** -24 : 2 ** -11;
    expect(absolute).toBeGreaterThan(unit * Math.sqrt(4608));
    expect(relative).toBeGreaterThan(unit);
  });
});

test('the sample holds the first and the last output, and no index beyond', () => {
  for (const count of [2, 3, 47, 48, 1000, 9_000_000]) {
    const indices = sampleIndices(count);
    expect([indices[0], indices.at(-1)]).toEqual([0, count - 1]);
    expect(indices.every((index) => Number.isInteger(index) && index >= 0 && index < count)).toBe(true);
  }
  expect(new Set(sampleIndices(9_000_000)).size).toBe(48);
});
