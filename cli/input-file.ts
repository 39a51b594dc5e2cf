/** @file What may be read. */

import { statSync } from 'node:fs';

/**
 * What stands at a path where a regular file was expected; `undefined` for a file, and for what is not there. Reading a pipe waits
 * for whoever writes to it, a device may never end, and neither can be interrupted.
 */
export function otherThanFile(path: string): 'a folder' | 'a device or a pipe' | undefined {
  try {
    const stat = statSync(path);
    if (stat.isFile()) return undefined;
    return stat.isDirectory() ? 'a folder' : 'a device or a pipe';
  } catch {
    // Opening it will say why.
    return undefined;
  }
}
