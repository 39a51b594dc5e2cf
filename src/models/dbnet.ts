/** @file DBNet as a list that reads like the paper's figure 3: backbone, neck, heads. */

import type { Network } from '../graph/graph.ts';
import type { Head } from '../graph/operations/db-head.ts';
import { conv, type Deformable } from './layers.ts';
import type { Backbone } from './resnet.ts';

/** What publishers name differently, by level (2 to 5) and head. */
export interface Names {
  lateral: (level: number) => string;
  smooth: (level: number) => string;
  probability: string;
  threshold: string;
  /** Levels in the order in which they are concatenated. */
  concatenation: readonly [number, number, number, number];
  /** Forms in which their deformable convolutions come. */
  deformable: readonly Deformable[];
}

/** Beside the deformable convolution. */
const beside = (conv: string) => `${conv}_offset`;

/** MhLiao/DB. */
export const authors: Names = {
  lateral: (level) => `decoder.in${level}.weight`,
  smooth: (level) => (level === 2 ? 'decoder.out2.weight' : `decoder.out${level}.0.weight`),
  probability: 'decoder.binarize',
  threshold: 'decoder.thresh',
  concatenation: [5, 4, 3, 2],
  // Of stride 1 even where the deformable convolution has 2, https://github.com/MhLiao/DB/issues/250.
  deformable: [{ offsets: beside, strided: false }],
};

/** open-mmlab/mmocr since 1.0. */
export const mmocr: Names = {
  lateral: (level) => `neck.lateral_convs.${level - 2}.conv.weight`,
  smooth: (level) => `neck.smooth_convs.${level - 2}.conv.weight`,
  probability: 'det_head.binarize',
  threshold: 'det_head.threshold',
  concatenation: [2, 3, 4, 5],
  deformable: [
    { offsets: (conv) => `${conv}.conv_offset`, strided: true },
    // Before mmcv 1.0.
    { offsets: beside, strided: true },
  ],
};

/** open-mmlab/mmocr before 1.0. */
export const mmocr0: Names = {
  ...mmocr,
  probability: 'bbox_head.binarize',
  threshold: 'bbox_head.threshold',
};

export interface DbNetOptions {
  names?: Names;
  /** Channels of the neck; each level gives a quarter of them to the heads. */
  neck?: number;
  /** Channels of a head. */
  head?: number;
  /** False for P alone. */
  thresholdHead?: boolean;
  /** Steepness of the binarization. */
  k?: number;
}

export function dbNet(
  { operations: backbone, channels: [c2, c3, c4, c5] }: Backbone,
  { names = authors, neck = 256, head = 64, thresholdHead = true, k = 50 }: DbNetOptions = {},
): Network {
  // The FPN has no biases, norms or activations.
  const lateral = (level: number, output: string, channels: number) =>
    conv(output, `C${level}`, names.lateral(level), [channels, neck], { kernel: 1, relu: false });
  const smooth = (level: number) =>
    conv(`p${level}`, `P${level}`, names.smooth(level), [neck, neck / 4], { relu: false });
  const top = (level: number) =>
    ({
      op: 'upsampleAdd',
      name: `P${level}`,
      output: `P${level}`,
      lateral: `in${level}`,
      top: `P${level + 1}`,
    }) as const;
  const headConv = (output: string, prefix: string) =>
    conv(output, 'fuse', `${prefix}.0.weight`, [neck, head], { norm: `${prefix}.1` });
  const tail = (prefix: string): Head => ({
    up1: { weight: `${prefix}.3.weight`, bias: `${prefix}.3.bias`, norm: `${prefix}.4` },
    up2: { weight: `${prefix}.6.weight`, bias: `${prefix}.6.bias` },
  });
  return {
    input: 'image',
    operations: [
      ...backbone,
      // Neck: FPN.
      lateral(5, 'P5', c5),
      lateral(4, 'in4', c4),
      top(4),
      lateral(3, 'in3', c3),
      top(3),
      lateral(2, 'in2', c2),
      top(2),
      smooth(5),
      smooth(4),
      smooth(3),
      smooth(2),
      {
        op: 'upsampleConcat',
        name: 'fuse',
        output: 'fuse',
        inputs: names.concatenation.map((level) => `p${level}`),
        scales: names.concatenation.map((level) => 2 ** (level - 2)),
      },
      // Heads.
      headConv('probabilityFeatures', names.probability),
      ...(thresholdHead ? [headConv('thresholdFeatures', names.threshold)] : []),
      {
        op: 'dbHead',
        name: 'dbHead',
        outputs: thresholdHead ? ['P', 'T', 'B'] : ['P'],
        features: ['probabilityFeatures', ...(thresholdHead ? ['thresholdFeatures'] : [])],
        channels: head,
        k,
        heads: [names.probability, ...(thresholdHead ? [names.threshold] : [])].map(tail),
      },
    ],
    outputs: thresholdHead ? ['P', 'T', 'B'] : ['P'],
  };
}
