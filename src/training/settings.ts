/** @file Settings of a training run: defaults, checks, and whether those of a resumed run are the same. */

import { invalid } from '../describe.ts';
import { checkBackground, white } from '../detector/background.ts';
import { resolveLabelOptions } from '../labels/options.ts';
import { withDefaults } from './augmentation/augment-options.ts';
import { resolveLoss } from './loss.ts';
import { resolveOptimizer } from './optimizer.ts';
import type { TrainingSettings } from './types.ts';

/** Defaults filled in. @throws DBNetError `invalid-argument`. */
export function resolveSettings(given: TrainingSettings): Required<TrainingSettings> {
  const {
    optimizer = { kind: 'adamw' },
    loss = 'authors',
    batchNorm = 'frozen',
    cropSize = 640,
    seed = 0,
    augment = {},
    background = white,
    labels = { clipping: 'exact' },
  } = given;
  if (batchNorm !== 'frozen' && batchNorm !== 'batch') {
    throw invalid('batchNorm', "'frozen' or 'batch'", batchNorm);
  }
  // Below 64 the deepest map of a single crop is one pixel, which has no variance.
  if (!Number.isInteger(cropSize) || cropSize < 64 || cropSize % 32 !== 0) {
    throw invalid('cropSize', 'a multiple of 32 from 64', cropSize);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) throw invalid('seed', 'a whole number from 0', seed);
  if (augment !== false && (typeof augment !== 'object' || augment === null)) {
    throw invalid('augment', 'an object or false', augment);
  }
  checkBackground(background);
  if (typeof labels !== 'object' || labels === null) throw invalid('labels', 'an object', labels);
  // Checked now, not at the first step.
  resolveLoss(loss, 50);
  if (augment !== false) withDefaults(augment);
  resolveLabelOptions(labels);
  return {
    optimizer: resolveOptimizer(optimizer),
    loss,
    batchNorm,
    cropSize,
    seed,
    augment,
    background,
    labels,
  };
}

/**
 * The settings of a saved state.
 * @throws DBNetError `invalid-argument` for one that is given and differs: a run with other settings is another run.
 */
export function sameSettings(
  saved: Required<TrainingSettings>,
  given: TrainingSettings,
): Required<TrainingSettings> {
  const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const wanted = resolveSettings({ ...saved, ...stated });
  const resolved = resolveSettings(saved);
  for (const key of Object.keys(stated) as (keyof TrainingSettings)[]) {
    if (canonical(wanted[key]) === canonical(resolved[key])) continue;
    throw invalid(
      key,
      `${canonical(resolved[key])} as in the state that is resumed (start from it as \`weights\` to change settings)`,
      canonical(wanted[key]),
    );
  }
  return resolved;
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
