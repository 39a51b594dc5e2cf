/** @file The nodes of a graph that its outputs need, each after those that it reads, in whatever order a file has them. */

import type { OnnxModel, OnnxNode } from './model.ts';
import { shown, unfit } from './node.ts';

/** More than any detector has. */
const mostNodes = 20_000;

/** @throws DBNetError `incompatible-weights` for nodes in a circle. */
export function neededNodes({ nodes, outputs }: OnnxModel): OnnxNode[] {
  if (nodes.length > mostNodes) throw unfit(`at most ${mostNodes} nodes`, String(nodes.length));
  // The reader has seen to it that a value is written once.
  const writers = new Map<string, OnnxNode>();
  for (const node of nodes) {
    for (const name of node.outputs) writers.set(name, node);
  }
  // What is left out has no name.
  writers.delete('');
  const ordered = new Set<OnnxNode>();
  const open = new Set<OnnxNode>();
  const stack = outputs.map(({ name }) => writers.get(name)).reverse();
  while (stack.length > 0) {
    const node = stack.at(-1);
    if (!node || ordered.has(node)) {
      stack.pop();
    } else if (open.has(node)) {
      stack.pop();
      open.delete(node);
      ordered.add(node);
    } else {
      open.add(node);
      for (const name of node.inputs.toReversed()) {
        const writer = writers.get(name);
        if (writer && open.has(writer)) {
          throw unfit('nodes in an order', `a circle through ${writer.op} ${shown(name)}`);
        }
        stack.push(writer);
      }
    }
  }
  return [...ordered];
}
