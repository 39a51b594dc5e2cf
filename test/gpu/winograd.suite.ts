/** @file The three steps of a Winograd convolution, each against matrix products in f64, and together against the sum. */

import { openDevice } from '../../src/gpu/device.ts';
import { packConvWeights } from '../../src/kernels/conv2d.ts';
import type { Affine } from '../../src/kernels/conv2d-epilogue.ts';
import { vectorsOf } from '../../src/kernels/kernel.ts';
import { type Tile, tileName } from '../../src/kernels/tile.ts';
import { type WinogradSize, winogradPlanes, winogradTiles } from '../../src/kernels/winograd.ts';
import { winogradInput } from '../../src/kernels/winograd-input.ts';
import { winogradOutput } from '../../src/kernels/winograd-output.ts';
import { winogradProducts } from '../../src/kernels/winograd-products.ts';
import { winogradWeights } from '../../src/kernels/winograd-weights.ts';
import { assertClose, randomFloats } from './assert.ts';
import { convolve } from './references/convolution.ts';
import { transformTiles, transformWeights, untransformTiles } from './references/winograd.ts';
import { runKernel } from './run-kernel.ts';
import type { GpuTest } from './suite.ts';

const precision = 'f32';
const direct: Tile = { kind: 'direct', pixels: 8, channels: 8 };
const quads: Tile = { kind: 'quad', pixels: 4, channels: 32 };
const workgroup: Tile = {
  kind: 'workgroup',
  blockPixels: 32,
  blockChannels: 32,
  blockDepth: 8,
  pixels: 4,
  channels: 4,
};

/** The same weights as convolutions take them. */
const packed = (weights: Float32Array, channels: number, outChannels: number) =>
  packConvWeights(
    {
      sources: [{ height: 0, width: 0, channels, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
      outChannels,
    },
    [weights],
  );

/** The weights alone, where channels fill no vec4. */
function weightsTest(size: WinogradSize, inChannels: number, outChannels: number, isPacked = false): GpuTest {
  return {
    name: `F(${size},3) of weights ${inChannels} > ${outChannels}${isPacked ? ', packed' : ''}`,
    async run({ device }) {
      const context = await openDevice({ device });
      const weights = randomFloats(outChannels * inChannels * 9, 2);
      const scale = randomFloats(outChannels, 3);
      const kernel = winogradWeights(
        { label: 'weights', channels: inChannels, outChannels, size, packed: isPacked },
        { precision },
      );
      const { transformed } = await runKernel(context, kernel, {
        weights: isPacked ? packed(weights, inChannels, outChannels) : Float32Array.of(...weights, ...scale),
      });
      const expected = transformWeights(weights, { inChannels, outChannels }, size);
      const [rows, columns] = [inChannels, outChannels].map((channels) => 4 * vectorsOf(channels));
      const padded = transformed.map((_, i) => {
        const [plane, row, column] = [
          Math.floor(i / (rows * columns)),
          Math.floor(i / columns) % rows,
          i % columns,
        ];
        if (row >= inChannels || column >= outChannels) return 0;
        const value = expected[(plane * inChannels + row) * outChannels + column];
        return isPacked ? value : value * scale[column];
      });
      assertClose(transformed, padded, 1e-6, 'transformed weights');
    },
  };
}

function test(
  size: WinogradSize,
  tile: Tile,
  [height, width]: readonly [number, number],
  affine?: Affine,
): GpuTest {
  return {
    name: `F(${size},3) of ${width}x${height}, ${tileName(tile)}${affine ? ', affine' : ''}`,
    async run({ device }) {
      const context = await openDevice({ device });
      const [inChannels, outChannels] = [16, 32];
      const source = randomFloats(height * width * inChannels, 1);
      const weights = randomFloats(outChannels * inChannels * 9, 2);
      const bias = randomFloats(outChannels, 3);
      const residual = randomFloats(height * width * outChannels, 4);

      const shape = { height, width, channels: inChannels };
      const options = { precision, quads: tile.kind === 'quad' } as const;
      const input = winogradInput({ label: 'tiles', ...shape, size }, options);
      const { output: tiles } = await runKernel(context, input, { source });
      assertClose(tiles, transformTiles(source, shape, size), 1e-4, 'tiles');

      const count = winogradTiles(size, shape);
      const conv = {
        label: 'products',
        planes: winogradPlanes(size),
        ...count,
        channels: inChannels,
        outChannels,
      };
      const transform = winogradWeights(
        { label: 'weights', channels: inChannels, outChannels, size },
        { precision },
      );
      const { transformed } = await runKernel(context, transform, {
        weights: Float32Array.of(...weights, ...new Float32Array(outChannels).fill(1)),
      });
      const channels = { inChannels, outChannels };
      assertClose(transformed, transformWeights(weights, channels, size), 1e-6, 'transformed weights');
      const able = context.quads || tile.kind !== 'quad' ? tile : direct;
      const multiply = winogradProducts(conv, { tile: able, precision });
      const { output: products } = await runKernel(context, multiply, {
        source0: tiles,
        weights: transformed,
      });

      const output = winogradOutput(
        {
          label: 'output',
          outHeight: height,
          outWidth: width,
          outChannels,
          bias: true,
          residuals: [{ kind: 'same' }],
          activation: 'relu',
          affine,
          size,
        },
        options,
      );
      const { output: result } = await runKernel(context, output, { products, bias, residual0: residual });
      const plain = untransformTiles(products, { height, width, channels: outChannels }, size);
      const epilogue = plain.map((sum, i) => {
        const rectified = Math.max(0, sum + bias[i % outChannels] + residual[i]);
        return affine ? affine.scale * rectified + affine.shift : rectified;
      });
      assertClose(result, epilogue, 1e-4, 'output transform');
      const { values } = convolve({
        sources: [
          {
            values: source,
            ...shape,
            weights,
            inChannels,
            kernel: 3,
            stride: 1,
            padding: { top: 1, left: 1 },
          },
        ],
        outHeight: height,
        outWidth: width,
        outChannels,
        bias,
        residuals: [Float64Array.from(residual)],
        activation: 'relu',
        affine,
      });
      assertClose(result, values, 1e-3, 'the convolution');
    },
  };
}

const tests: GpuTest[] = [
  test(2, direct, [13, 7]),
  test(4, direct, [5, 33], { scale: -1.25, shift: 0.5 }),
  test(4, direct, [1, 1]),
  test(4, quads, [13, 7], { scale: -1.25, shift: 0.5 }),
  test(2, quads, [5, 33]),
  test(2, workgroup, [6, 9]),
  test(4, workgroup, [13, 7]),
  weightsTest(2, 3, 5),
  weightsTest(4, 7, 18),
  weightsTest(4, 130, 66),
  weightsTest(4, 12, 20, true),
];

export default tests;
