/**
 * @file `dbnet-webgpu/eval`: how good detected regions are, by the protocol of ICDAR 2015, and the label files that they
 * are measured against. No GPU, no file system.
 */

export { DBNetError, type DBNetErrorCode } from '../errors.ts';
export type { Point } from '../geometry/polygon.ts';
export {
  type Counts,
  type ImageCounts,
  type Label,
  matchImage,
  type Rates,
  rates,
  sumCounts,
} from './icdar.ts';
export { findFaults, type LabelFault } from './label-faults.ts';
export { type LabelledImage, parseJsonLabels, type TextLabel } from './labels.ts';
export { LABEL_FORMATS, type LabelFormat, parseTextLabels, type TextLabelFile } from './text-labels.ts';
