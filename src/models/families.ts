/** @file The networks that are known, and by which tensors a file is recognised as one of them. */

import type { Network } from '../graph/graph.ts';
import { authors, dbNet, mmocr, mmocr0, type Names } from './dbnet.ts';
import { type Metadata, recipes } from './recipes.ts';
import { type BackboneOf, resNet18 } from './resnet.ts';
import { resNet50 } from './resnet50.ts';

/** Shapes of a file's tensors by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** A network as a file's tensors say: its widths, its heads, whether it is deformable. */
export interface FamilyMember {
  network: Network;
  /** What the metadata of such files may say under `architecture`. */
  architecture: string;
}

export interface Family {
  /** For people. */
  name: string;
  /** A file that has all of these is of this family. */
  tensors: readonly string[];
  /** What its publisher says of input, size and thresholds. */
  metadata: Metadata;
  /** The network; of what a file lacks, as in the paper. */
  member: (shapes: Shapes, k: number) => FamilyMember;
}

/** Tensors that tell a family. */
const bottleneck = 'backbone.layer1.0.conv3.weight';
const fpnc = 'neck.lateral_convs.0.conv.weight';
const bboxHead = 'bbox_head.binarize.0.weight';
const decoder = 'decoder.in5.weight';

/** Families in the order in which they are tried: the more particular first, the last stands for what is near none. */
export const families: readonly Family[] = [
  family("MMOCR 0.x's", [bottleneck, fpnc, bboxHead], 50, mmocr0, recipes.mmocr0R50),
  family("MMOCR 0.x's", [fpnc, bboxHead], 18, mmocr0, recipes.mmocrR18),
  family("MMOCR's", [bottleneck, fpnc], 50, mmocr, recipes.mmocrR50),
  family("MMOCR's", [fpnc], 18, mmocr, recipes.mmocrR18),
  family("the authors'", [bottleneck, decoder], 50, authors, recipes.authorsR50),
  family("the authors'", [decoder], 18, authors, recipes.authorsR18),
];

/** A network of another kind: a file that has one tensor and not another. */
export interface Stranger {
  /** For people. */
  name: string;
  has: RegExp;
  hasNot?: RegExp;
}

/** Networks that are no families, for what is said of their files. */
export const strangers: readonly Stranger[] = [
  { name: 'DB++ (its adaptive scale fusion)', has: /^(decoder\.concat_attention|neck\.asf_\w+)\./ },
  { name: "MMOCR's DBNet with the ResNet-50 of oCLIP", has: /^backbone\.stem\./ },
  { name: "docTR's DBNet", has: /^(feat_extractor|fpn\.in_branches)\./ },
  { name: 'a PP-OCR detector', has: /^model\.(backbone\.encoder|neck\.(insert|input)_conv)\./ },
  { name: 'a detector of PaddleOCR', has: /^(neck\.((in|p)[2-5]|ins)_conv|head\.binarize\.conv)/ },
  {
    name: 'a classifier, which has no neck and no heads',
    has: /^(backbone\.|model\.)?(fc|classifier|head)\.weight$/,
    hasNot: /^(decoder|neck|det_head|bbox_head)\./,
  },
];

const backbones: Record<18 | 50, BackboneOf> = { 18: resNet18, 50: resNet50 };

/** A DBNet whose widths are read off its tensors, and so is whether its backbone is deformable. */
function family(
  publisher: string,
  tensors: readonly string[],
  depth: 18 | 50,
  names: Names,
  metadata: Metadata,
): Family {
  return {
    name: `DB-ResNet-${depth} with ${publisher} names`,
    tensors,
    metadata,
    member(shapes, k) {
      const stored = [...shapes.keys()];
      const outputs = (tensor: string) => shapes.get(tensor)?.[0] || undefined;
      const deformable = names.deformable.find(({ offsets }) =>
        stored.some((tensor) => tensor.startsWith('backbone.') && tensor.includes(`${offsets('.conv2')}.`)),
      );
      const backbone = backbones[depth](outputs('backbone.conv1.weight'), deformable);
      return {
        architecture: `db-resnet${depth}${deformable ? '-dcn' : ''}`,
        network: dbNet(backbone, {
          names,
          neck: outputs(names.lateral(5)),
          head: outputs(`${names.probability}.0.weight`),
          thresholdHead: stored.some((tensor) => tensor.startsWith(`${names.threshold}.`)),
          k,
        }),
      };
    },
  };
}
