/** @file The networks that are known, and by which tensors a file is recognised as one of them. */

import type { Network } from '../graph/graph.ts';
import { authors, dbNet, mmocr, type Names } from './dbnet.ts';
import { type Backbone, resNet18 } from './resnet.ts';
import { resNet50 } from './resnet50.ts';

/** Shapes of a file's tensors by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

export interface Family {
  /** For people. */
  name: string;
  /** What the metadata of its files may say under `architecture`. */
  architecture: string;
  /** A file that has all of these is of this family. */
  tensors: readonly string[];
  /** The network, as wide as the file's tensors say. */
  network: (shapes: Shapes, k: number) => Network;
}

/** Families in the order in which they are tried; the last stands for files that are of none. */
export const families: readonly Family[] = [
  family(
    "DB-ResNet-50 with MMOCR's names",
    'db-resnet50',
    ['backbone.layer1.0.conv3.weight', 'neck.lateral_convs.0.conv.weight'],
    resNet50,
    mmocr,
  ),
  family(
    "DB-ResNet-18 with MMOCR's names",
    'db-resnet18',
    ['neck.lateral_convs.0.conv.weight'],
    resNet18,
    mmocr,
  ),
  family("DB-ResNet-18 with the authors' names", 'db-resnet18', ['decoder.in5.weight'], resNet18, authors),
];

/** A DBNet whose widths are read off its tensors; where one is missing, the paper's are expected. */
function family(
  name: string,
  architecture: string,
  tensors: readonly string[],
  backbone: (width?: number) => Backbone,
  names: Names,
): Family {
  return {
    name,
    architecture,
    tensors,
    network(shapes, k) {
      const outputs = (tensor: string) => shapes.get(tensor)?.[0] || undefined;
      return dbNet(backbone(outputs('backbone.conv1.weight')), {
        names,
        neck: outputs(names.lateral(5)),
        head: outputs(`${names.probability}.0.weight`),
        thresholdHead: [...shapes.keys()].some((tensor) => tensor.startsWith(`${names.threshold}.`)),
        k,
      });
    },
  };
}
