/** @file ResNet-18 as a backbone, under torchvision's names (K. He et al., "Deep Residual Learning", table 1). */

import type { Operation } from '../graph/operations/index.ts';
import { conv, conv3x3, type Deformable } from './layers.ts';

/** Operations from the tensor `image` to the tensors `C2` to `C5`, of strides 4 to 32, and their channels. */
export interface Backbone {
  operations: readonly Operation[];
  channels: readonly [C2: number, C3: number, C4: number, C5: number];
}

/** Makes a backbone. `width`: channels of the stem; `deformable`: the second convolution of each block from C3 on. */
export type BackboneOf = (width?: number, deformable?: Deformable) => Backbone;

/** As wide as in the paper unless stated. */
export function resNet18(width = 64, deformable?: Deformable): Backbone {
  return {
    operations: [
      ...stem(width),
      ...residualLayer('C2', 'pool', 'backbone.layer1', [width, width]),
      ...residualLayer('C3', 'C2', 'backbone.layer2', [width, 2 * width], deformable),
      ...residualLayer('C4', 'C3', 'backbone.layer3', [2 * width, 4 * width], deformable),
      ...residualLayer('C5', 'C4', 'backbone.layer4', [4 * width, 8 * width], deformable),
    ],
    channels: [width, 2 * width, 4 * width, 8 * width],
  };
}

export const stem = (width: number): Operation[] => [
  conv('stem', 'image', 'backbone.conv1.weight', [3, width], { kernel: 7, stride: 2, norm: 'backbone.bn1' }),
  {
    op: 'maxPool',
    ...{ name: 'pool', output: 'pool', input: 'stem' },
    ...{ kernel: 3, stride: 2, padding: { top: 1, left: 1, bottom: 1, right: 1 } },
  },
];

/** Two BasicBlocks; the first halves the size where the channels change, with a projection shortcut. */
function residualLayer(
  output: string,
  input: string,
  prefix: string,
  [from, to]: readonly [number, number],
  deformable?: Deformable,
): Operation[] {
  const block = (name: string, x: string, path: string, channels: number): Operation[] => {
    const projected = channels !== to;
    const stride = projected ? 2 : 1;
    const hidden = `${path}.conv1`;
    return [
      conv(hidden, x, `${path}.conv1.weight`, [channels, to], { stride, norm: `${path}.bn1` }),
      ...(projected ? [projection(path, x, [channels, to], stride)] : []),
      ...conv3x3(
        name,
        hidden,
        `${path}.conv2.weight`,
        [to, to],
        { norm: `${path}.bn2`, residual: projected ? shortcut(path) : x },
        deformable,
      ),
    ];
  };
  return [
    ...block(`${prefix}.0`, input, `${prefix}.0`, from),
    ...block(output, `${prefix}.0`, `${prefix}.1`, to),
  ];
}

/** The tensor that a block's projection writes. */
export const shortcut = (path: string): string => `${path}.shortcut`;

/** The shortcut of a block that changes size or channels: a 1x1 convolution with batch norm. */
export const projection = (
  path: string,
  input: string,
  channels: readonly [number, number],
  stride: number,
) =>
  conv(shortcut(path), input, `${path}.downsample.0.weight`, channels, {
    kernel: 1,
    stride,
    norm: `${path}.downsample.1`,
    relu: false,
  });
