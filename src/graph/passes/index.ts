/**
 * @file The fusions: named passes over the graph, each an identity, each switchable. In the order in which they
 * must run. The graph without any of them is the oracle that they are tested against.
 */

import type { Graph } from '../layers.ts';
import { composeNeck } from './compose-neck.ts';
import { convolveBeforeUpsampling } from './convolve-before-upsampling.ts';
import { fuseShortcut } from './fuse-shortcut.ts';
import { fuseStemPool } from './fuse-stem-pool.ts';
import { fuseUpsampleAdd } from './fuse-upsample-add.ts';
import { mergeHeads } from './merge-heads.ts';
import { packMask } from './pack-mask.ts';

export const fusions = {
  mergeHeads,
  composeNeck,
  convolveBeforeUpsampling,
  fuseUpsampleAdd,
  fuseShortcut,
  fuseStemPool,
  packMask,
} as const;

export type Fusion = keyof typeof fusions;

/** All names, in order. */
export const allFusions = Object.keys(fusions) as Fusion[];

/**
 * The fusions that pay on an adapter: on a GPU all. A software adapter has no memory traffic to save in the stem and
 * takes longer to compile its barriers than it gains.
 */
export const chooseFusions = ({ software }: { software: boolean }): Fusion[] =>
  software ? allFusions.filter((name) => name !== 'fuseStemPool') : allFusions;

/** Applies the named fusions, by default all. */
export function fuse(graph: Graph, names: readonly Fusion[] = allFusions): Graph {
  return allFusions
    .filter((name) => names.includes(name))
    .reduce((fused, name) => fusions[name](fused), graph);
}
