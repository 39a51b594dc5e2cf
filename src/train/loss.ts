/** @file The two losses by name: of the authors' code, and of the paper. */

import { atLeast, check, checkRecord, either, type Kinds, kind, object, oneOf } from '../check.ts';
import type { DbLoss } from '../kernels/train/db-loss.ts';

/**
 * `authors`: 5 BCE(P) + 1 Dice(B) + 10 L1(T), as in the authors' code. `paper`: BCE(P) + 1 BCE(B) + 10 L1(T), both
 * cross-entropies mined (eq. 6 and 7). Or the parts themselves.
 */
export type LossOption = 'authors' | 'paper' | Partial<Omit<DbLoss, 'k'>>;

const losses: Record<'authors' | 'paper', Omit<DbLoss, 'k'>> = {
  authors: {
    weights: { probability: 5, binary: 1, threshold: 10 },
    binary: 'dice',
    negativeRatio: 3,
  },
  paper: {
    weights: { probability: 1, binary: 1, threshold: 10 },
    binary: 'bce',
    negativeRatio: 3,
  },
};

const lossNames = oneOf('authors', 'paper');
const lossOption = either(lossNames, kind<Exclude<LossOption, string>>('its parts', object.is));
const weightKinds: Kinds<DbLoss['weights']> = {
  probability: atLeast(0),
  binary: atLeast(0),
  threshold: atLeast(0),
};
const partKinds: Kinds<Omit<DbLoss, 'k'>> = {
  weights: kind('an object', object.is),
  binary: oneOf('dice', 'bce'),
  negativeRatio: atLeast(0),
};

/** @throws DBNetError `invalid-argument` for what is no loss. */
export function resolveLoss(option: LossOption, k: number): DbLoss {
  check('Option loss', option, lossOption);
  if (lossNames.is(option)) return { ...losses[option], k };
  const { weights = {}, ...parts } = checkRecord('Option loss', option, partKinds);
  return {
    ...losses.authors,
    ...parts,
    weights: { ...losses.authors.weights, ...checkRecord('Option loss.weights', weights, weightKinds) },
    k,
  };
}
