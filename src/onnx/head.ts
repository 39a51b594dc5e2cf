/** @file The end of DBNet in a graph: which of its values are P, T and B. */

import type { OnnxNode } from './model.ts';
import { affine, isBare, type PerChannel, type TermOf, type Value } from './terms.ts';

/** Why a node, or the graph where there is none, is no DBNet's. */
export interface Complaint {
  node: OnnxNode | undefined;
  reason: string;
}

/** A transposed convolution, its scale and shift per output channel. */
interface Up {
  term: TermOf<'up'>;
  scale: PerChannel;
  shift: PerChannel;
}

/** One head: two transposed convolutions with ReLU between them. */
export interface Head {
  features: Value;
  up1: Up;
  up2: Up;
}

export interface DbHead {
  /** Of P; of P and T. */
  heads: readonly Head[];
  /** Steepness of the binarization. */
  k: number;
}

/** Of the paper. */
const usualSteepness = 50;

/** The DB head whose maps the values are: P; P and T; P, T and B; or B alone. Sigmoids may be left out. */
export function dbHeadOf(values: readonly Value[]): DbHead | undefined {
  const maps = values.map((value) => headOf(value) ?? binarizationOf(value));
  if (maps.some((map) => map === undefined)) return undefined;
  const found = maps.find((map) => map !== undefined && 'k' in map) as Binarization | undefined;
  const heads = maps.filter((map): map is Head => map !== undefined && 'features' in map);
  const different = heads.filter((head, i) => heads.findIndex(isSameHead(head)) === i);
  const ofAll = found ? [found.probability, found.threshold] : different;
  const isComplete =
    ofAll.length >= 1 && ofAll.length <= 2 && heads.every((head) => ofAll.some(isSameHead(head)));
  const channels = ofAll.map(({ features }) => features.term.channels);
  return isComplete && channels.every((count) => count === channels[0])
    ? { heads: ofAll, k: found?.k ?? usualSteepness }
    : undefined;
}

const isSameHead =
  (a: Head) =>
  (b: Head): boolean =>
    a.up2.term === b.up2.term;

/** The head that gives a map, or the logits of one. */
function headOf(value: Value): Head | undefined {
  const isMap = value.term.kind === 'sigmoid' && isBare(value);
  const logits = isMap ? (value.term as TermOf<'sigmoid'>).input : value;
  const up2 = upOf(logits);
  if (up2?.term.channels !== 1) return undefined;
  const { term: relu } = up2.term.input;
  if (relu.kind !== 'activation' || relu.activation !== 'relu' || !isBare(up2.term.input)) return undefined;
  const up1 = upOf(relu.input);
  if (!up1 || up1.term.channels !== up1.term.input.term.channels) return undefined;
  return { features: up1.term.input, up1, up2 };
}

const upOf = ({ term, scale, shift }: Value): Up | undefined =>
  term.kind === 'up' ? { term, scale, shift } : undefined;

interface Binarization {
  probability: Head;
  threshold: Head;
  k: number;
}

/** B = sigmoid(k (P - T)); paper, eq. 2. */
function binarizationOf({ term, ...rest }: Value): Binarization | undefined {
  if (term.kind !== 'sigmoid' || !isBare({ term, ...rest })) return undefined;
  const { term: sum, scale, shift } = term.input;
  if (sum.kind !== 'add' || shift !== 0) return undefined;
  const parts = sum.inputs.map((part) => affine(part, scale, 0));
  const [probability, threshold] = parts.sort((a, b) => Number(b.scale) - Number(a.scale));
  const k = probability.scale;
  if (typeof k !== 'number' || !(k > 0) || threshold.scale !== -k) return undefined;
  if (probability.shift !== 0 || threshold.shift !== 0) return undefined;
  const [P, T] = [probability, threshold].map((part) => headOf({ ...part, scale: 1, shift: 0 }));
  return P && T && { probability: P, threshold: T, k };
}
