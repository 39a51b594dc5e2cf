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

const r50 = 'backbone.layer1.0.conv3.weight';
const fpnc = 'neck.lateral_convs.0.conv.weight';
const bboxHead = 'bbox_head.binarize.0.weight';

/** Families in the order in which they are tried. */
export const families: readonly Family[] = [
  family("DB-ResNet-50 with MMOCR 0.x's names", [r50, fpnc, bboxHead], resNet50, mmocr0, recipes.mmocr0R50),
  family("DB-ResNet-18 with MMOCR 0.x's names", [fpnc, bboxHead], resNet18, mmocr0, recipes.mmocrR18),
  family("DB-ResNet-50 with MMOCR's names", [r50, fpnc], resNet50, mmocr, recipes.mmocrR50),
  family("DB-ResNet-18 with MMOCR's names", [fpnc], resNet18, mmocr, recipes.mmocrR18),
  family(
    "DB-ResNet-50 with the authors' names",
    [r50, authors.lateral(5)],
    resNet50,
    authors,
    recipes.authorsR50,
  ),
  family("DB-ResNet-18 with the authors' names", [authors.lateral(5)], resNet18, authors, recipes.authorsR18),
];

/** Networks that are known, and of no family: by a tensor that only they have. */
export const strangers: readonly (readonly [what: string, tensor: RegExp])[] = [
  ['DB++ (adaptive scale fusion)', /^(decoder\.concat_attention|neck\.asf_\w+)\./],
  ["docTR's DBNet", /^(feat_extractor\.|fpn\.in_branches\.)/],
  ["MMOCR's DBNet with oCLIP's ResNet-50", /^backbone\.stem\./],
  ['a PP-OCR detector', /^model\.(backbone\.encoder|neck\.(insert|input)_conv)\./],
  ["PaddleOCR's DBNet", /^(neck\.in[2-5]_conv|head\.(binarize|thresh)\.conv)/],
  ['a classifier, which has no neck and no heads', /^(backbone\.|module\.)?(fc|classifier|head)\.weight$/],
];

/** A DBNet whose widths are read off its tensors, and so is whether its backbone is deformable. */
function family(
  name: string,
  tensors: readonly string[],
  backbone: BackboneOf,
  names: Names,
  metadata: Metadata,
): Family {
  return {
    name,
    tensors,
    metadata,
    member(shapes, k) {
      const outputs = (tensor: string) => shapes.get(tensor)?.[0] || undefined;
      const stored = [...shapes.keys()];
      const deformable = names.deformable.find(({ offsets }) =>
        stored.some((tensor) => tensor.startsWith('backbone.') && tensor.includes(`${offsets('.conv2')}.`)),
      );
      const depth = backbone === resNet50 ? 50 : 18;
      return {
        architecture: `db-resnet${depth}${deformable ? '-dcn' : ''}`,
        network: dbNet(backbone(outputs('backbone.conv1.weight'), deformable), {
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
