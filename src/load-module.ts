/** @file Modules that are loaded when they are needed. */

import { messageOf } from './describe.ts';
import { DBNetError } from './errors.ts';

/**
 * A module that is being imported. In bundles for pages it stands in a file of its own.
 * @throws DBNetError `load-failed`
 */
export async function loadModule<T>(module: Promise<T>): Promise<T> {
  try {
    return await module;
  } catch (cause) {
    throw new DBNetError(
      'load-failed',
      `a file of dbnet-webgpu could not be loaded (${messageOf(cause)}): those of dist/dbnet-webgpu*.min.js, or the chunks that ` +
        'your bundler makes of it, must stand beside each other',
      { cause },
    );
  }
}
