/** @file Descriptions and weights of the convolution, without a device. */

import { describe, expect, it } from 'vitest';
import { type Conv2d, conv2d, packBias, packConvWeights } from '../../src/kernels/conv2d.ts';
import { convolution, gemmOf, multiplyAdds } from '../../src/kernels/convolution.ts';
import { f32, uniformWords } from '../../src/kernels/kernel.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import { upsampleClasses } from '../../src/kernels/upsample-classes.ts';
import { packUpsampledConvWeights, type UpsampledConv2d } from '../../src/kernels/upsampled-conv2d.ts';
import { randomFloats } from '../gpu/assert.ts';
import { convolve } from '../gpu/references/convolution.ts';
import { gatherClasses, upsampleNearest } from '../gpu/references/upsample.ts';

const direct: Tile = { kind: 'direct', pixels: 8, channels: 4 };
const workgroup: Tile = {
  kind: 'workgroup',
  blockPixels: 64,
  blockChannels: 64,
  blockDepth: 16,
  pixels: 8,
  channels: 8,
};

const plain: Conv2d = {
  label: 'plain',
  sources: [{ height: 20, width: 30, channels: 64, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
  outHeight: 20,
  outWidth: 30,
  outChannels: 128,
  bias: false,
  residuals: [],
  activation: 'none',
};

const stem: Conv2d = {
  ...plain,
  sources: [{ height: 40, width: 60, channels: 3, kernel: 7, stride: 2, padding: { top: 3, left: 3 } }],
  outChannels: 64,
};

/** The same windows of 64 channels, for a source that is meant upsampled. */
const upsampled = (scale: number): UpsampledConv2d => ({
  ...{ label: 'upsampled', height: 20, width: 30, channels: 64, outChannels: 128, scale },
});

/** A 3x3 convolution and a projection shortcut of another size. */
const twoSources: Conv2d = {
  ...plain,
  sources: [
    { height: 20, width: 30, channels: 8, kernel: 3, stride: 1, padding: { top: 1, left: 1 } },
    { height: 40, width: 60, channels: 4, kernel: 1, stride: 2, padding: { top: 0, left: 0 } },
  ],
  outChannels: 12,
};

describe('size of the sum', () => {
  const rowsOf = (conv: Conv2d | UpsampledConv2d) => {
    const { bindings } = convolution(conv, { tile: direct, precision: 'f32' });
    return bindings.find(({ name }) => name === 'weights')!.bytes / (4 * gemmOf(conv).outChannels);
  };

  it('has one row per tap and stored channel of every source', () => {
    expect(rowsOf(plain)).toBe(9 * 64);
    expect(rowsOf(stem)).toBe(49 * 4);
    expect(rowsOf(twoSources)).toBe(9 * 8 + 4);
  });

  it('has 16 rows per channel for an upsampling by 2, 25 for more, all classes together', () => {
    expect([2, 3, 4, 8].map((scale) => rowsOf(upsampled(scale)) / 64)).toEqual([16, 25, 25, 25]);
    expect([2, 4, 8].map((scale) => gemmOf(upsampled(scale)).planes)).toEqual([4, 9, 9]);
    expect(gemmOf(plain).planes).toBe(1);
  });

  it('counts the multiply-adds that are executed, without channels that carry no data', () => {
    expect(multiplyAdds(plain)).toBe(600 * 9 * 64 * 128);
    expect(multiplyAdds(stem)).toBe(600 * 49 * 3 * 64);
    expect(multiplyAdds(twoSources)).toBe(600 * (9 * 8 + 4) * 12);
    // Instead of 16 x 9 x 64 at the upsampled size.
    expect(multiplyAdds(upsampled(4))).toBe(600 * 25 * 64 * 128);
  });
});

describe('description', () => {
  it('lists the bindings in the order of the WGSL, with their bytes', () => {
    const kernel = conv2d(
      {
        ...twoSources,
        bias: true,
        residuals: [{ kind: 'same' }, { kind: 'upsampled', scale: 2 }, { kind: 'classes', scale: 10 }],
      },
      { tile: direct, precision: 'f16' },
    );
    const out = 600 * 12 * 2;
    expect(kernel.bindings).toEqual([
      { name: 'source0', access: 'read', bytes: 600 * 8 * 2 },
      { name: 'source1', access: 'read', bytes: 2400 * 4 * 2 },
      { name: 'weights', access: 'read', bytes: 76 * 12 * 2 },
      { name: 'bias', access: 'read', bytes: 12 * 4 },
      { name: 'residual0', access: 'read', bytes: out },
      { name: 'residual1', access: 'read', bytes: out / 4 },
      { name: 'residual2', access: 'read', bytes: (out * 9) / 100 },
      { name: 'output', access: 'read_write', bytes: out },
      { name: 'shape', access: 'uniform', bytes: 9 * 4 },
    ]);
    kernel.bindings.forEach(({ name }, index) => {
      expect(kernel.code).toMatch(new RegExp(`@binding\\(${index}\\) var<[^>]*> ${name}:`));
    });
    // Channels are counted in vectors of 4.
    expect(kernel.shape).toEqual({
      out_height: 20,
      out_width: 30,
      out_vectors: 3,
      height0: 20,
      width0: 30,
      vectors0: 2,
      height1: 40,
      width1: 60,
      vectors1: 1,
    });
    expect(kernel.code).toContain(`struct Shape { ${Object.keys(kernel.shape).join(': u32, ')}: u32 }`);
    expect(kernel.code.startsWith('enable f16;\n')).toBe(true);
  });

  it('counts two operations per multiply-add, and the bytes of all buffers but the shape', () => {
    const kernel = conv2d(plain, { tile: workgroup, precision: 'f32' });
    expect(kernel.flops).toBe(2 * multiplyAdds(plain));
    expect(kernel.bytes).toBe(4 * (600 * 64 + 9 * 64 * 128 + 600 * 128));
    expect(kernel.label).toBe('plain (64x64x16 8x8)');
    expect(kernel.code).not.toContain('enable');
  });

  it('dispatches enough threads for all outputs, and no workgroup too many', () => {
    // 600 pixels: 75 rows of 8, times 32 groups of 4 channels, by 64 threads.
    expect(conv2d(plain, { tile: direct, precision: 'f32' }).dispatch).toEqual([38, 1, 1]);
    expect(conv2d(plain, { tile: workgroup, precision: 'f32' }).dispatch).toEqual([10, 2, 1]);
    expect(convolution(upsampled(4), { tile: workgroup, precision: 'f32' }).dispatch).toEqual([10, 2, 9]);
    expect(convolution(upsampled(4), { tile: direct, precision: 'f32' }).bindings.at(-2)!.bytes).toBe(
      9 * 600 * 128 * 4,
    );
  });

  it('has the same code for another size and another number of channels', () => {
    const [source] = plain.sources;
    const other = {
      ...plain,
      sources: [{ ...source, height: 7, width: 5, channels: 256 }],
      outHeight: 7,
      outWidth: 5,
      outChannels: 512,
    };
    const codes = [plain, other].flatMap((conv) =>
      [direct, workgroup].map((tile) => conv2d(conv, { tile, precision: 'f32' }).code),
    );
    expect(new Set(codes).size).toBe(2);
  });
});

describe('packConvWeights', () => {
  it('has rows source, kernel row, kernel column, input channel, and columns output channel', () => {
    const weights = [randomFloats(12 * 8 * 9, 1), randomFloats(12 * 4, 2)];
    const packed = packConvWeights(twoSources, weights);
    const expected: number[] = [];
    for (const [source, { kernel, channels }] of twoSources.sources.entries()) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          for (let c = 0; c < channels; c++) {
            for (let out = 0; out < 12; out++) {
              expected.push(weights[source][((out * channels + c) * kernel + ky) * kernel + kx]);
            }
          }
        }
      }
    }
    expect([...packed]).toEqual(expected);
  });

  it('fills channels that carry no data with zeros', () => {
    const packed = packConvWeights(stem, [randomFloats(64 * 3 * 49, 3)]);
    expect(packed.length).toBe(49 * 4 * 64);
    for (let row = 0; row < 49 * 4; row++) {
      const zeros = packed.subarray(row * 64, (row + 1) * 64).filter((value) => value === 0).length;
      expect(zeros).toBe(row % 4 === 3 ? 64 : 0);
    }
  });

  it('sums the taps that fall on one pixel, class after class, in f64', () => {
    // Summed in f32 the 1 would be lost beside 2^24.
    const weights = Float64Array.from(
      { length: 4 * 4 * 9 },
      (_, i) => [2 ** 24, 1, -(2 ** 24)][i % 3] * (1 + (i % 9)),
    );
    const packed = packUpsampledConvWeights({ channels: 4, outChannels: 4, scale: 2 }, weights);
    const groups = [
      [[0], [1, 2]],
      [[0, 1], [2]],
    ];
    const expected: number[] = [];
    for (const rows of groups) {
      for (const columns of groups) {
        for (const rowTaps of rows) {
          for (const columnTaps of columns) {
            for (let c = 0; c < 4; c++) {
              for (let out = 0; out < 4; out++) {
                let sum = 0;
                for (const ky of rowTaps)
                  for (const kx of columnTaps) sum += weights[(out * 4 + c) * 9 + ky * 3 + kx];
                expected.push(Math.fround(sum));
              }
            }
          }
        }
      }
    }
    expect([...packed]).toEqual(expected);
  });
});

describe('uniformWords', () => {
  it('has one word per member, in order, an f32 bit by bit', () => {
    const one = 0x3f800000;
    expect([...uniformWords({ count: 7, rate: f32(1), last: 2 ** 32 - 1 })]).toEqual([7, one, 2 ** 32 - 1]);
  });
});

describe('padding to whole vec4s', () => {
  const column = (rows: number[][]) => rows.flat();

  it('fills rows and columns of weights, and the bias, with zeros', () => {
    const [source] = plain.sources;
    const conv = { sources: [{ ...source, kernel: 1, channels: 2 }], outChannels: 5 };
    const weights = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    const zeros = Array<number>(8).fill(0);
    const expected = column([[1, 3, 5, 7, 9, 0, 0, 0], [2, 4, 6, 8, 10, 0, 0, 0], zeros, zeros]);
    expect([...packConvWeights(conv, [weights])]).toEqual(expected);
    expect([...packBias([1, 2, 3, 4, 5])]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
  });

  it('counts whole vec4s in bindings and tiles, but only channels that carry data in flops', () => {
    const conv: Conv2d = { ...plain, sources: [{ ...plain.sources[0], channels: 6 }], outChannels: 18 };
    expect(gemmOf(conv)).toEqual({ pixels: 600, channels: [8], outChannels: 20, planes: 1 });
    const { bindings, flops } = conv2d(conv, { tile: direct, precision: 'f32' });
    expect(bindings.map(({ bytes }) => bytes)).toEqual([600 * 8 * 4, 72 * 20 * 4, 600 * 20 * 4, 24]);
    expect(flops).toBe(2 * 600 * 9 * 6 * 18);
  });
});

describe('class images', () => {
  it('hold all values of the convolution on the upsampled tensor, for any scale', () => {
    for (const scale of [2, 3, 4, 8]) {
      const [height, width, channels, outChannels] = [3, 5, 4, 4];
      const source = Float64Array.from(randomFloats(height * width * channels, scale));
      const weights = Float64Array.from(randomFloats(outChannels * channels * 9, 100 + scale));
      const images = classImages(source, { height, width, channels, outChannels }, weights, scale);
      const gathered = gatherClasses(images, { height, width, channels: outChannels }, scale);
      const { values } = convolve({
        sources: [
          {
            values: upsampleNearest(source, { height, width, channels }, scale),
            height: height * scale,
            width: width * scale,
            channels,
            weights,
            inChannels: channels,
            kernel: 3,
            stride: 1,
            padding: { top: 1, left: 1 },
          },
        ],
        outHeight: height * scale,
        outWidth: width * scale,
        outChannels,
      });
      expect(gathered.length).toBe(values.length);
      for (let i = 0; i < values.length; i++) expect(Math.abs(gathered[i] - values[i])).toBeLessThan(1e-13);
    }
  });
});

/** The class images by their definition: for each class the sum over its merged taps, at low resolution, in f64. */
function classImages(
  source: Float64Array,
  {
    height,
    width,
    channels,
    outChannels,
  }: { height: number; width: number; channels: number; outChannels: number },
  weights: Float64Array,
  scale: number,
): number[] {
  const images: number[] = [];
  const at = (y: number, x: number, c: number) =>
    y < 0 || y >= height || x < 0 || x >= width ? 0 : source[(y * width + x) * channels + c];
  for (const rows of upsampleClasses(scale)) {
    for (const columns of upsampleClasses(scale)) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          for (let out = 0; out < outChannels; out++) {
            let sum = 0;
            rows.taps.forEach((rowTaps, i) => {
              columns.taps.forEach((columnTaps, j) => {
                for (let c = 0; c < channels; c++) {
                  const value = at(y + i - rows.padding, x + j - columns.padding, c);
                  for (const ky of rowTaps) {
                    for (const kx of columnTaps)
                      sum += value * weights[(out * channels + c) * 9 + ky * 3 + kx];
                  }
                }
              });
            });
            images.push(sum);
          }
        }
      }
    }
  }
  return images;
}
