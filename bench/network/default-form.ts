/** @file What the library takes where nothing was measured: kernels and fusions. */

import { chooseHeadPixels } from '../../src/graph/choose-tile.ts';
import { chooseFusions, type Fusion } from '../../src/graph/passes/index.ts';
import type { KernelChoice } from '../../src/graph/plan.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { GpuContext } from '../../src/runtime/gpu-context.ts';
import { TileChoice } from '../../src/tuning/tile-choice.ts';

export interface DefaultForm {
  choice: KernelChoice;
  fusions: readonly Fusion[];
}

export function defaultForm(context: GpuContext, precision: Precision): DefaultForm {
  const tiles = new TileChoice(context, precision);
  return {
    choice: {
      precision,
      tile: (conv) => tiles.standard(conv),
      headPixels: chooseHeadPixels(context),
    },
    fusions: chooseFusions(context, precision),
  };
}
