/** @file Names under which a training step finds what lives longer than it: slots of the flat arrays, and its inputs. */

/** A slot of the parameters. */
export const parameter = (slot: string): string => `parameter ${slot}`;

/** The same slot of the gradients. */
export const gradientOf = (slot: string): string => `gradient ${slot}`;

/** A norm's running mean and variance. */
export const runningStatistics = (norm: string): string => `running ${norm}`;

/** The same slot of the batch's own statistics. */
export const batchStatistics = (norm: string): string => `batch ${norm}`;

/** The copy of a whole array before the last update. */
export const beforeUpdate = (array: string): string => `${array} before the last update`;

/** Whole arrays and inputs. */
export const resources = {
  /** RGBA bytes `[batch, height, width]`. */
  pixels: 'pixels',
  /** f32 `[4, batch, height, width]`: probability, its mask, threshold, its mask. */
  targets: 'targets',
  parameters: 'all parameters',
  gradients: 'all gradients',
  running: 'all running statistics',
  batch: 'all batch statistics',
  firstMoments: 'first moments',
  secondMoments: 'second moments',
  average: 'average of the parameters',
} as const;
