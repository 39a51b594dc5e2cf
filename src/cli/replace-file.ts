/** @file Files that are whole at every moment: written under another name beside the old one, then renamed over it. */

import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** What the name of a file begins with while it is not whole. */
const PARTIAL = '.partial-';

/**
 * Replaces a file, or makes it. A program that is killed leaves the old file or the new one, and perhaps one named
 * `.partial-...`, which the next writing replaces.
 *
 * @param write Writes the content to the path it is given, which has the extension of the file.
 */
export async function replaceFile(
  path: string,
  write: (partial: string) => void | Promise<void>,
): Promise<void> {
  const partial = join(dirname(path), PARTIAL + basename(path));
  try {
    await write(partial);
    // The content must be on the disk before the name is: a machine may go down as well.
    flush(partial, 'r+');
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  try {
    flush(dirname(path), 'r');
  } catch {
    // Windows flushes no folders; the file is whole either way.
  }
}

/** Replaces a file by these bytes. */
export function replaceBytes(path: string, bytes: Uint8Array | string): Promise<void> {
  return replaceFile(path, (partial) => writeFile(partial, bytes));
}

function flush(path: string, flags: 'r' | 'r+'): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
