/**
 * @file The ladder of the convolution: from the naive kernel to the best tile, each step runnable by itself
 * (`--filter "ladder conv"`). What each step brought stands in bench/ladder.md.
 */

import { type Conv2d, conv2d } from '../../src/kernels/conv2d.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import naive from '../examples/my-kernel.ts';
import type { Case, Variant } from './case.ts';
import { convData, convProblem, convReference } from './conv-problem.ts';

/** The commonest convolution of the network. */
const conv: Conv2d = {
  label: 'ladder',
  sources: [{ height: 80, width: 80, channels: 64, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
  outHeight: 80,
  outWidth: 80,
  outChannels: 64,
  bias: true,
  residuals: [],
  activation: 'relu',
};

/** One idea per step. */
const steps: readonly { name: string; tile: Tile }[] = [
  { name: '2 vec4 loads', tile: { kind: 'direct', pixels: 1, channels: 4 } },
  { name: '3 registers 4x4', tile: { kind: 'direct', pixels: 4, channels: 4 } },
  { name: '4 registers 8x4', tile: { kind: 'direct', pixels: 8, channels: 4 } },
  {
    name: '5 workgroup 32x32',
    tile: { kind: 'workgroup', blockPixels: 32, blockChannels: 32, blockDepth: 16, pixels: 4, channels: 4 },
  },
  {
    name: '6 workgroup 64x64',
    tile: { kind: 'workgroup', blockPixels: 64, blockChannels: 64, blockDepth: 16, pixels: 8, channels: 8 },
  },
];

export function convLadder(precision: Precision): Case {
  return {
    name: 'ladder conv 3x3 64>64 80x80 bias relu',
    group: 'ladder',
    size: null,
    precision,
    layers: [],
    showAll: true,
    prepare() {
      const problem = convProblem(conv, precision);
      const data = convData(problem);
      const first = naive.conv2d(conv, precision)!;
      return {
        reference: convReference(problem),
        variants: [
          { name: '1 naive', isDefault: false, kernel: first, data },
          ...steps.map(
            ({ name, tile }): Variant => ({
              name,
              isDefault: false,
              kernel: conv2d(conv, { tile, precision }),
              data,
            }),
          ),
        ],
      };
    },
  };
}
