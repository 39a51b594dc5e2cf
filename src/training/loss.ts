/** @file The two losses by name: of the authors' code, and of the paper. */

import { invalid } from '../describe.ts';
import type { DbLoss } from '../kernels/training/db-loss.ts';

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

/** @throws DBNetError `invalid-argument` for what is no loss. */
export function resolveLoss(option: LossOption, k: number): DbLoss {
  if (typeof option === 'string') {
    if (!Object.hasOwn(losses, option)) throw invalid('loss', "'authors', 'paper' or its parts", option);
    return { ...losses[option], k };
  }
  if (typeof option !== 'object' || option === null) {
    throw invalid('loss', "'authors', 'paper' or its parts", option);
  }
  const known = Object.keys(losses.authors);
  const unknown = Object.keys(option).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(`loss.${unknown}`, `one of ${known.join(', ')}`, unknown);
  const loss = {
    ...losses.authors,
    ...option,
    weights: { ...losses.authors.weights, ...option.weights },
    k,
  };
  for (const [name, value] of [
    ...Object.entries(loss.weights).map(([key, weight]) => [`weights.${key}`, weight] as const),
    ['negativeRatio', loss.negativeRatio] as const,
  ]) {
    if (!(Number.isFinite(value) && value >= 0))
      throw invalid(`loss.${name}`, 'a number of at least 0', value);
  }
  if (loss.binary !== 'dice' && loss.binary !== 'bce')
    throw invalid('loss.binary', "'dice' or 'bce'", loss.binary);
  return loss;
}
