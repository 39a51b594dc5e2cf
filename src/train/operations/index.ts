/** @file The table of operations that can be trained. A new one is a file here and a line below. */

import { quote } from '../../describe.ts';
import { DBNetError } from '../../errors.ts';
import type { Network } from '../../graph/graph.ts';
import type { Operation } from '../../graph/operations/index.ts';
import { conv2d } from './conv2d.ts';
import { dbHead } from './db-head.ts';
import { maxPool } from './max-pool.ts';
import type { TrainedOperation } from './operation.ts';
import { upsampleAdd, upsampleConcat } from './upsample.ts';

const operations: { readonly [Op in Operation['op']]?: TrainedOperation<Operation & { op: Op }> } = {
  conv2d,
  maxPool,
  upsampleAdd,
  upsampleConcat,
  dbHead,
};

/** What training knows of an operation of a network that was checked. */
export const trained = ({ op }: Operation): TrainedOperation<Operation> => operations[op]!;

/** @throws DBNetError `incompatible-weights` for a network that cannot be trained. */
export function checkTrainable(architecture: string, network: Network): void {
  const found = network.operations.find(({ op }) => !operations[op]);
  if (!found) return;
  throw new DBNetError(
    'incompatible-weights',
    `expected a network of the operations ${Object.keys(operations).join(', ')}, found ${quote(architecture)} with ` +
      `'${found.op}' ('${found.name}'), which has no backward pass: such weights can be used, not trained`,
  );
}
