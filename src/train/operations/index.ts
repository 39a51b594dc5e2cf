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

/** What keeps an operation from being trained, undefined where nothing does. */
function obstacleOf(operation: Operation): string | undefined {
  const known: TrainedOperation<Operation> | undefined = operations[operation.op];
  return known ? known.obstacle?.(operation) : `'${operation.op}'`;
}

const untrainable = (found: string, { name }: Operation) =>
  new DBNetError(
    'incompatible-weights',
    `expected a network of the operations ${Object.keys(operations).join(', ')} as DB-ResNet has them, found ` +
      `${found} ('${name}'), which has no backward pass: such weights can be used, not trained`,
  );

/** @throws DBNetError `incompatible-weights` for one that cannot be trained. */
export function trained(operation: Operation): TrainedOperation<Operation> {
  const obstacle = obstacleOf(operation);
  if (obstacle !== undefined) throw untrainable(obstacle, operation);
  return operations[operation.op]!;
}

/** @throws DBNetError `incompatible-weights` that names the network, and what of it cannot be trained. */
export function checkTrainable(architecture: string, network: Pick<Network, 'operations'>): void {
  // What has no backward pass at all says more than what comes along with it.
  const found =
    network.operations.find(({ op }) => !operations[op]) ??
    network.operations.find((operation) => obstacleOf(operation) !== undefined);
  if (found) throw untrainable(`network ${quote(architecture)} with ${obstacleOf(found)}`, found);
}
