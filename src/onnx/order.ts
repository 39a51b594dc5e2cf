/** @file The nodes of a graph that its outputs need, each after those that it reads, in whatever order a file has them. */

import { DBNetError } from '../errors.ts';
import type { OnnxModel, OnnxNode } from './model.ts';
import { shown } from './node.ts';

/** More than any detector has. */
const mostNodes = 20_000;

/** @throws DBNetError `incompatible-weights` for a value that is written twice, and for nodes in a circle. */
export function neededNodes({ nodes, outputs }: OnnxModel): OnnxNode[] {
  if (nodes.length > mostNodes) throw unfit(`at most ${mostNodes} nodes`, String(nodes.length));
  const writers = new Map<string, OnnxNode>();
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (writers.has(name)) throw unfit('values that are written once', `'${shown(name)}' twice`);
      writers.set(name, node);
    }
  }
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
          throw unfit('nodes in an order', `a circle through ${writer.op} '${shown(name)}'`);
        }
        stack.push(writer);
      }
    }
  }
  return [...ordered];
}

const unfit = (expected: string, found: string) =>
  new DBNetError('incompatible-weights', `graph of the ONNX file: expected ${expected}, found ${found}.`);
