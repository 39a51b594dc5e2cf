/**
 * @file The fusions: named passes over the graph, each an identity, each switchable. In the order in which they
 * must run. The graph without any of them is the oracle that they are tested against.
 */

import type { Precision } from '../../kernels/wgsl.ts';
import type { Graph } from '../layers.ts';
import { composeNeck } from './compose-neck.ts';
import { convolveBeforeUpsampling } from './convolve-before-upsampling.ts';
import { fuseShortcut } from './fuse-shortcut.ts';
import { fuseStemPool } from './fuse-stem-pool.ts';
import { fuseUpsampleAdd } from './fuse-upsample-add.ts';
import { mergeHeads } from './merge-heads.ts';
import { packMask } from './pack-mask.ts';
import { type WinogradRule, winograd } from './winograd.ts';

export const fusions = {
  mergeHeads,
  composeNeck,
  convolveBeforeUpsampling,
  fuseUpsampleAdd,
  winograd,
  fuseShortcut,
  fuseStemPool,
  packMask,
} as const;

export type Fusion = keyof typeof fusions;

const order = Object.keys(fusions) as Fusion[];

/** The fusions that save work or traffic everywhere, in order. Winograd trades one for the other and is apart. */
export const allFusions: readonly Fusion[] = order.filter((name) => name !== 'winograd');

/**
 * The fusions that pay on an adapter. A software adapter is bound by arithmetic, so Winograd pays at every size; it
 * has no memory traffic to save in the stem, and takes longer to compile that kernel's barriers than it gains.
 */
export function chooseFusions({ software }: { software: boolean }, precision: Precision): readonly Fusion[] {
  if (!software) return allFusions;
  return order.filter((name) => name !== 'fuseStemPool' && (name !== 'winograd' || precision === 'f32'));
}

/** Applies the named fusions, by default {@link allFusions}; `rule` says what `winograd` does. */
export function fuse(graph: Graph, names: readonly Fusion[] = allFusions, rule?: WinogradRule): Graph {
  return order
    .filter((name) => names.includes(name))
    .reduce((fused, name) => (name === 'winograd' ? winograd(fused, rule) : fusions[name](fused)), graph);
}
