/** @file ResNet-50 as a backbone, under torchvision's names; the stride is in the 3x3 convolution, as there. */

import type { Operation } from '../graph/operations/index.ts';
import { conv, conv3x3, type Deformable } from './layers.ts';
import { type Backbone, projection, shortcut, stem } from './resnet.ts';

/** Bottlenecks of a layer. */
const depths = [3, 4, 6, 3] as const;

/** As wide as in the paper unless stated (K. He et al., "Deep Residual Learning", table 1). */
export function resNet50(width = 64, deformable?: Deformable): Backbone {
  const channels = [4 * width, 8 * width, 16 * width, 32 * width] as const;
  return {
    operations: [
      ...stem(width),
      ...depths.flatMap((depth, i) =>
        bottlenecks(
          `C${i + 2}`,
          i === 0 ? 'pool' : `C${i + 1}`,
          `backbone.layer${i + 1}`,
          [i === 0 ? width : channels[i - 1], width * 2 ** i, channels[i]],
          depth,
          i === 0 ? 1 : 2,
          i === 0 ? undefined : deformable,
        ),
      ),
    ],
    channels,
  };
}

/** A layer of `depth` bottlenecks: 1x1, 3x3 and 1x1; the first has the stride and the projection. */
function bottlenecks(
  output: string,
  input: string,
  prefix: string,
  [from, inner, to]: readonly [number, number, number],
  depth: number,
  stride: number,
  deformable: Deformable | undefined,
): Operation[] {
  const name = (block: number) => (block === depth - 1 ? output : `${prefix}.${block}`);
  return Array.from({ length: depth }, (_, block) => {
    const path = `${prefix}.${block}`;
    const x = block === 0 ? input : name(block - 1);
    const channels = block === 0 ? from : to;
    const step = block === 0 ? stride : 1;
    const [reduced, spatial] = [`${path}.conv1`, `${path}.conv2`];
    return [
      conv(reduced, x, `${reduced}.weight`, [channels, inner], { kernel: 1, norm: `${path}.bn1` }),
      ...conv3x3(
        spatial,
        reduced,
        `${spatial}.weight`,
        [inner, inner],
        { stride: step, norm: `${path}.bn2` },
        deformable,
      ),
      ...(block === 0 ? [projection(path, x, [channels, to], step)] : []),
      conv(name(block), spatial, `${path}.conv3.weight`, [inner, to], {
        kernel: 1,
        norm: `${path}.bn3`,
        residual: block === 0 ? shortcut(path) : x,
      }),
    ];
  }).flat();
}
