/** @file The loss in training: its parts, and its gradient by the logits. */

import {
  type DbLoss,
  dbLossGradient,
  dbLossParts,
  dbLossTerms,
  dbLossTotals,
  lossSlices,
  minedMaps,
  mining,
  partCount,
  sumCount,
} from '../../kernels/train/db-loss.ts';
import {
  digitShifts,
  minedSums,
  miningHistogram,
  miningSelect,
} from '../../kernels/train/hard-negative-mining.ts';
import type { Recorder } from './recorder.ts';
import { resources } from './resources.ts';

/** The tensor of the loss and its parts, `parts` of the kernels. */
export const lossTensor = 'loss';

/** Records the loss of `logits` (`[2, pixels]`) against the targets, and starts the way back. */
export function recordLoss(
  recorder: Recorder,
  logits: string,
  { pixels, loss }: { pixels: number; loss: DbLoss },
): void {
  const shape = { label: 'loss', pixels, loss };
  const slices = lossSlices(pixels);
  const maps = minedMaps(loss);
  const keys = recorder.tensor('loss, keys', maps * pixels);
  const sums = recorder.tensor('loss, sums in slices', slices * sumCount);
  const totals = recorder.tensor('loss, sums', sumCount);
  const state = recorder.tensor('mining', maps * mining.words);
  const histogram = recorder.tensor('mining, histogram', maps * 256);
  const mined = recorder.tensor('loss, mined in slices', maps * slices);
  recorder.tensor(lossTensor, partCount);
  recorder.step(dbLossTerms(shape), [logits, resources.targets, keys, sums]);
  recorder.step(dbLossTotals(shape), [sums, totals, state, histogram]);
  for (const shift of digitShifts) {
    recorder.step(miningHistogram(shape, shift), [keys, state, histogram]);
    recorder.step(miningSelect(shape, shift), [histogram, state]);
  }
  recorder.step(minedSums(shape), [keys, state, mined]);
  recorder.step(dbLossParts(shape), [totals, mined, state, lossTensor]);
  recorder.onBackward(() =>
    recorder.addGradient(logits, (output) =>
      recorder.step(dbLossGradient(shape), [logits, resources.targets, keys, state, lossTensor, output]),
    ),
  );
}
