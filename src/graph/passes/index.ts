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
import { type WinogradRule, winograd } from './winograd.ts';

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

/** All of them, in order. Each saves work or traffic everywhere. */
export const allFusions = Object.keys(fusions) as readonly Fusion[];

/** Winograd's filtering, which trades one for the other, has its place before this one. */
const afterWinograd: Fusion = 'fuseShortcut';

/**
 * The fusions that pay on an adapter: all, but for the stem on a software adapter, which has no memory traffic to save
 * there, and takes longer to compile that kernel's barriers than it gains.
 */
export const chooseFusions = ({ software }: { software: boolean }): readonly Fusion[] =>
  software ? allFusions.filter((name) => name !== 'fuseStemPool') : allFusions;

/** Applies the named fusions, and Winograd's filtering as `rule` says; without a rule nowhere. */
export function fuse(graph: Graph, names: readonly Fusion[] = allFusions, rule?: WinogradRule): Graph {
  return allFusions.reduce((fused, name) => {
    const ready = name === afterWinograd && rule ? winograd(fused, rule) : fused;
    return names.includes(name) ? fusions[name](ready) : ready;
  }, graph);
}
