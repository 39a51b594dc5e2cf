/** @file Every operation takes up the batch norm that follows it; see `batch-norm.ts`. Inference begins with it. */

import { type Graph, kindOf } from '../graph.ts';
import { replaceOperations } from './rewrite.ts';

export const foldBatchNorm = (graph: Graph): Graph =>
  replaceOperations(graph, (operation, derive) => {
    const folded = kindOf(operation).foldBatchNorm?.(operation, graph.parameters);
    if (!folded) return [operation];
    for (const [name, values] of Object.entries(folded.derived)) derive(name, values);
    return [folded.operation];
  });
