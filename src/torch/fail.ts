/** @file The one way in which the readers of PyTorch files refuse. */

import { DBNetError } from '../errors.ts';

/** Throws a `DBNetError` of code `invalid-checkpoint`. */
export function failInvalid(message: string): never {
  throw new DBNetError('invalid-checkpoint', `Not a valid PyTorch checkpoint: ${message}`);
}
