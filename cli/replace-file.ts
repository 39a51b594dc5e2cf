/**
 * @file Files that are whole at every moment: written under another name beside the old one, then renamed over it. All
 * files that the program writes are written here, but the log of a training, which grows line by line.
 */

import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  realpathSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OutputError } from './failure.ts';

/** What the names of files end with that are not whole, before a number of their own. */
const PARTIAL = '.partial-';

/** A file that is being written. After a failed write it cannot be kept. */
export interface Replacement {
  /** @throws OutputError if not all of it can be written. */
  write(content: Uint8Array | string): Promise<void>;
  /** The new file stands in the place of the old one. @throws OutputError and leaves the old one. */
  keep(): Promise<void>;
  /** The old file, if there is one, stays as it was. */
  discard(): Promise<void>;
}

/**
 * Begins to replace a file, or to make it. A link stays, and the file that it leads to is replaced; owner and permissions stay. What
 * is no file, such as a device or a pipe, is written to directly. A program that is killed leaves the old file, and
 * perhaps one named `.<name>.partial-<number>`.
 *
 * @throws OutputError if that cannot be.
 */
export async function openReplacement(path: string): Promise<Replacement> {
  const existing = await attempt(path, async () => statSync(path, { throwIfNoEntry: false }));
  if (existing !== undefined && !existing.isFile()) return openDirectly(path);
  const target = targetOf(path);
  const partial = partialName(target, randomBytes(4).toString('hex'));
  const file = await attempt(path, () => create(target, partial, existing));
  const discard = async () => {
    await file.close().catch(() => {});
    await rm(partial, { force: true }).catch(() => {});
  };
  return {
    write: (content) => attempt(path, () => file.appendFile(content)),
    async keep() {
      try {
        await attempt(path, async () => {
          // The content must be on the disk before the name is: a machine may go down as well.
          await file.sync();
          await file.close();
          await rename(partial, target);
        });
      } catch (error) {
        await discard();
        throw error;
      }
      await syncFolder(dirname(target));
    },
    discard,
  };
}

/** Replaces a file by this content. @throws OutputError and leaves the old one. */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const file = await openReplacement(path);
  try {
    await file.write(content);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.keep();
}

/** Removes what killed programs left of writing a file that nobody else can be writing now. */
export function removePartials(path: string): void {
  const start = partialName(targetOf(path), '');
  const folder = dirname(start);
  for (const name of readdirSync(folder)) {
    if (name.startsWith(basename(start))) rmSync(join(folder, name), { force: true });
  }
}

function targetOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function partialName(path: string, number: string): string {
  return join(dirname(path), `.${basename(path)}${PARTIAL}${number}`);
}

async function create(target: string, partial: string, existing: Stats | undefined): Promise<FileHandle> {
  // A file that may not be written must not be replaced either.
  if (existing !== undefined) accessSync(target, constants.W_OK);
  if (existing === undefined) return open(partial, 'wx');
  const mode = existing.mode & 0o777;
  const file = await open(partial, 'wx', mode);
  // Only root can give a file away; for others it is theirs already.
  await file.chown(existing.uid, existing.gid).catch(() => {});
  // Whatever the umask takes away.
  await file.chmod(mode);
  return file;
}

async function openDirectly(path: string): Promise<Replacement> {
  const file = await attempt(path, async () => {
    // Without waiting: to a pipe that nobody reads this fails, where the second opening would wait for ever.
    const probe = await open(path, constants.O_WRONLY | (constants.O_NONBLOCK ?? 0));
    try {
      return await open(path, 'w');
    } finally {
      await probe.close();
    }
  });
  return {
    write: (content) => attempt(path, () => file.writeFile(content)),
    keep: () => attempt(path, () => file.close()),
    discard: () => file.close().catch(() => {}),
  };
}

async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows flushes no folders; the file is whole either way.
  }
}

async function attempt<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw new OutputError(path, cause);
  }
}
