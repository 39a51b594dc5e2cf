/**
 * @file The fusions: named passes over the graph, each an identity, each switchable. In the order in which they
 * must run. The graph without any of them is the oracle that they are tested against.
 */

import type { Graph } from '../graph.ts';
import { composeNeck } from './compose-neck.ts';
import { convolveBeforeUpsampling } from './convolve-before-upsampling.ts';
import { fuseShortcut } from './fuse-shortcut.ts';
import { fuseStemPool } from './fuse-stem-pool.ts';
import { fuseUpsampleAdd } from './fuse-upsample-add.ts';
import { gateInEpilogue } from './gate-in-epilogue.ts';
import { mergeHeads } from './merge-heads.ts';
import { packMask } from './pack-mask.ts';
import { type WinogradRule, winograd } from './winograd.ts';

/** Those that save work or traffic everywhere. */
const fusions = {
  mergeHeads,
  composeNeck,
  convolveBeforeUpsampling,
  gateInEpilogue,
  fuseUpsampleAdd,
  fuseShortcut,
  fuseStemPool,
  packMask,
} as const;

export type Fusion = keyof typeof fusions;

export const allFusions = Object.keys(fusions) as readonly Fusion[];

/**
 * Applies the named fusions, and where there is a rule Winograd's filtering, which trades work for traffic: after the
 * fusions that make convolutions, before the one that gives them a second source.
 */
export function fuse(graph: Graph, names: readonly Fusion[] = allFusions, rule?: WinogradRule): Graph {
  const apply = (fused: Graph, name: Fusion) => (names.includes(name) ? fusions[name](fused) : fused);
  const last = allFusions.indexOf('fuseShortcut');
  const made = allFusions.slice(0, last).reduce(apply, graph);
  return allFusions.slice(last).reduce(apply, rule ? winograd(made, rule) : made);
}
