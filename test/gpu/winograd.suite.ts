/** @file The three steps of a Winograd convolution, each against matrix products in f64, and together against the sum. */

import { openDevice } from '../../src/gpu/device.ts';
import type { Affine } from '../../src/kernels/conv2d-epilogue.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import {
  type WinogradSize,
  winogradPlanes,
  winogradTiles,
  winogradWeights,
} from '../../src/kernels/winograd.ts';
import { winogradInput } from '../../src/kernels/winograd-input.ts';
import { winogradOutput } from '../../src/kernels/winograd-output.ts';
import { packWinogradWeights, winogradProducts } from '../../src/kernels/winograd-products.ts';
import { assertClose, randomFloats } from './assert.ts';
import { convolve } from './references/convolution.ts';
import { transformTiles, untransformTiles } from './references/winograd.ts';
import { runKernel } from './run-kernel.ts';
import type { GpuTest } from './suite.ts';

const precision = 'f32';
const direct: Tile = { kind: 'direct', pixels: 8, channels: 8 };
const workgroup: Tile = {
  kind: 'workgroup',
  blockPixels: 32,
  blockChannels: 32,
  blockDepth: 8,
  pixels: 4,
  channels: 4,
};

function test(
  size: WinogradSize,
  tile: Tile,
  [height, width]: readonly [number, number],
  affine?: Affine,
): GpuTest {
  return {
    name: `F(${size},3) of ${width}x${height}, ${tile.kind} tiles${affine ? ', affine' : ''}`,
    async run({ device }) {
      const context = await openDevice({ device });
      const [inChannels, outChannels] = [16, 32];
      const source = randomFloats(height * width * inChannels, 1);
      const weights = randomFloats(outChannels * inChannels * 9, 2);
      const bias = randomFloats(outChannels, 3);
      const residual = randomFloats(height * width * outChannels, 4);

      const shape = { height, width, channels: inChannels };
      const input = winogradInput({ label: 'tiles', ...shape, size }, { precision });
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
      const packed = packWinogradWeights(conv, winogradWeights(weights, size));
      const { output: products } = await runKernel(context, winogradProducts(conv, { tile, precision }), {
        source0: tiles,
        weights: packed,
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
        { precision },
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
  test(2, workgroup, [6, 9]),
  test(4, workgroup, [13, 7]),
];

export default tests;
