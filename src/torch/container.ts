/** @file What both of PyTorch's containers give. */

import type { Storage } from './objects.ts';
import type { PickleValue } from './pickle.ts';

export interface Container {
  /** What was given to `torch.save`. */
  readonly object: PickleValue;
  /** The elements of a storage, a view of the file. @throws DBNetError `invalid-checkpoint` if they are not there. */
  bytesOf(storage: Storage): Uint8Array;
}
