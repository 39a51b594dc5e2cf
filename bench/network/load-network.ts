/** @file The network of a weights file: its graph, fused or not. */

import { type Recipe, readRecipe } from '../../src/detector/recipe.ts';
import { type Checkpoint, readCheckpoint } from '../../src/graph/checkpoint.ts';
import { foldBatchNorm } from '../../src/graph/fold-batch-norm.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { type Fusion, fuse } from '../../src/graph/passes/index.ts';
import type { WinogradRule } from '../../src/graph/passes/winograd.ts';
import { type BytesSource, loadBytes } from '../../src/safetensors/load.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';

export interface Network {
  checkpoint: Checkpoint;
  recipe: Recipe;
}

/** Which maps are computed. */
export type Outputs = 'P' | 'PTB';

export async function loadNetwork(weights: BytesSource): Promise<Network> {
  const file = parseSafetensors(await loadBytes(weights));
  return { checkpoint: readCheckpoint(file), recipe: readRecipe(file.metadata) };
}

/** The graph for `outputs`, with the named fusions; `rule` says what `winograd` does. */
export function graphOf(
  { checkpoint, recipe }: Network,
  outputs: Outputs,
  fusions: readonly Fusion[],
  rule?: WinogradRule,
): Graph {
  const entries = checkpoint.entries({ thresholdHead: outputs === 'PTB' });
  return fuse(foldBatchNorm(entries, checkpoint.source, recipe.k), fusions, rule);
}
