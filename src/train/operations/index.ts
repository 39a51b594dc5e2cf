/** @file The table of operations that can be trained. A new one is a file here and a line below. */

import { DBNetError } from '../../errors.ts';
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

/** @throws DBNetError `incompatible-weights` for one that cannot be trained. */
export function trained(operation: Operation): TrainedOperation<Operation> {
  const { op, name } = operation;
  const found: TrainedOperation<Operation> | undefined = operations[op];
  const obstacle = found ? found.obstacle?.(operation) : `'${op}'`;
  if (found && obstacle === undefined) return found;
  throw new DBNetError(
    'incompatible-weights',
    `expected a network of the operations ${Object.keys(operations).join(', ')} as DB-ResNet has them, found ` +
      `${obstacle} ('${name}'), which has no backward pass: such weights can be used, not trained`,
  );
}
