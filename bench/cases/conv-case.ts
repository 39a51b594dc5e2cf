/** @file A convolution as a case: the library's tiles, and the user's kernels. */

import { convolution } from '../../src/kernels/convolution.ts';
import { type Tile, tileName } from '../../src/kernels/tile.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Case, Variant } from './case.ts';
import { convName } from './conv-name.ts';
import { convData, convProblem, convReference, type PlainConvolution } from './conv-problem.ts';
import type { CustomKernel } from './custom-kernel.ts';

export interface ConvVariants {
  defaultTile: Tile;
  tiles: readonly Tile[];
  customKernels: readonly CustomKernel[];
}

export function convCase(
  conv: PlainConvolution,
  precision: Precision,
  { defaultTile, tiles, customKernels }: ConvVariants,
): Omit<Case, 'layers' | 'size' | 'precision'> {
  return {
    name: `conv ${convName(conv)}`,
    group: 'conv',
    prepare() {
      const problem = convProblem(conv, precision);
      const data = convData(problem);
      const standard = tileName(defaultTile);
      const menu = [defaultTile, ...tiles.filter((tile) => tileName(tile) !== standard)];
      const own = menu.map(
        (tile): Variant => ({
          name: tileName(tile),
          isDefault: tile === defaultTile,
          kernel: convolution(conv, { tile, precision }),
          data,
        }),
      );
      const custom = customKernels.flatMap((one): Variant[] => {
        const kernel = 'sources' in conv ? one.conv2d(conv, precision) : undefined;
        if (!kernel) return [];
        return [
          {
            name: one.name,
            isDefault: false,
            isCustom: true,
            kernel,
            data: { ...data, ...one.data?.(problem) },
          },
        ];
      });
      return { variants: [...own, ...custom], reference: convReference(problem) };
    },
  };
}
