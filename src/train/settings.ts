/** @file Settings of a training run: defaults, checks, and whether those of a resumed run are the same. */

import {
  object as anObject,
  anything,
  checkOptions,
  either,
  type Kinds,
  kind,
  mismatch,
  oneOf,
  whole,
} from '../check.ts';
import { rgb, white } from '../input/background.ts';
import { resolveLabelOptions } from '../labels/options.ts';
import { withDefaults } from './augmentation/augment-options.ts';
import type { CropOptions } from './label-fates.ts';
import { resolveLoss } from './loss.ts';
import { resolveOptimizer } from './optimizer.ts';
import type { TrainingSettings } from './types.ts';

const object = kind<never>('an object', anObject.is);

/** The kinds of the settings; what is in the objects among them is checked where they are used. */
export const settingsKinds: Kinds<TrainingSettings> = {
  optimizer: object,
  loss: anything,
  batchNorm: oneOf('frozen', 'batch'),
  // Below 64 the deepest map of a single crop is one pixel, which has no variance.
  cropSize: kind('a multiple of 32 from 64', (value) => whole(64).is(value) && value % 32 === 0),
  seed: whole(0),
  augment: either(
    object,
    kind<false>('false', (value) => value === false),
  ),
  background: rgb,
  labels: object,
};

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
  } = checkOptions(given, settingsKinds);
  // Checked now, not at the first step.
  resolveLoss(loss, 50);
  if (augment !== false) withDefaults(augment, 'Option augment');
  resolveLabelOptions(labels, 'Option labels');
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
    throw mismatch(
      `Option ${key}`,
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

/** How a trainer with these settings draws crops. */
export function cropOptions({
  cropSize,
  seed,
  augment,
  background,
  labels,
}: Required<TrainingSettings>): CropOptions {
  const drawn = augment === false ? { augment: false } : augment;
  return { cropSize, seed, augment: { ...drawn, background }, labels };
}
