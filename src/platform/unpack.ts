/** @file Unpacks archives once into a private, versioned cache folder, safely when two processes do it at once. */

import { existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';

/** A regular file of an archive. */
export interface ArchiveFile {
  name: string;
  /** Unix permission bits. */
  mode: number;
  data: Uint8Array;
}

const BLOCK = 512;

/** The regular files of a POSIX ustar archive. Folders, links and extended headers are left out. */
export function readTar(archive: Uint8Array): ArchiveFile[] {
  const text = (start: number, length: number) => {
    const bytes = archive.subarray(start, start + length);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  };
  const files: ArchiveFile[] = [];
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const start = at + BLOCK;
    if (!(size >= 0) || start + size > archive.length) throw new Error(`corrupt tar header at byte ${at}`);
    const type = archive[at + 156];
    if (type === 0 || type === 0x30) {
      const prefix = text(at + 257, 5) === 'ustar' ? text(at + 345, 155) : '';
      const name = prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`;
      const mode = Number.parseInt(text(at + 100, 8), 8) & 0o777;
      files.push({ name, mode, data: archive.subarray(start, start + size) });
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

/** Where this user's unpacked files may go, best first: the cache folder, then the temporary folder. */
export function cacheFolders(): string[] {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return [join(cache, 'dbnet-webgpu'), join(tmpdir(), `dbnet-webgpu-${process.getuid?.() ?? 'user'}`)];
}

/** Whether only this user can have put files there: libraries that another user could swap are not loaded. */
function isPrivate(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) return false;
  return process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o022) === 0);
}

/** Writes files below `folder`; a name that leads out of it is refused. */
function writeFiles(folder: string, files: ArchiveFile[]): void {
  for (const { name, mode, data } of files) {
    const path = resolve(folder, name);
    if (!path.startsWith(folder + sep))
      throw new Error(`the archive holds a path outside its folder: ${name}`);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, data, { mode: mode & 0o755 });
  }
}

/**
 * The folder `name` with the files that `read` gives, unpacked on the first call only.
 * It is filled as a temporary sibling and renamed, so that no process ever sees half of it.
 *
 * @param parents candidate parent folders, best first; one that others can write to, or that is full or
 *   read-only, is passed over
 * @param name folder name; holds the version, so that an update unpacks anew
 * @param required names that must be there; a cleaner of temporary files may have taken some
 * @throws Error with one line per parent folder, if none of them can be used
 */
export function unpackOnce(
  parents: string[],
  name: string,
  required: string[],
  read: () => ArchiveFile[],
): string {
  const problems: string[] = [];
  for (const parent of parents) {
    try {
      mkdirSync(parent, { recursive: true, mode: 0o700 });
      if (!isPrivate(parent)) {
        problems.push(`${parent}: other users can write there`);
        continue;
      }
      const target = join(parent, name);
      const complete = () => isPrivate(target) && required.every((file) => existsSync(join(target, file)));
      if (complete()) return target;

      const temporary = mkdtempSync(`${target}.`);
      try {
        writeFiles(temporary, read());
        // Another process may have finished since: then its folder, being complete, is the one to use.
        if (!complete()) {
          rmSync(target, { recursive: true, force: true });
          try {
            renameSync(temporary, target);
          } catch (error) {
            if (!complete()) throw error;
          }
        }
      } finally {
        rmSync(temporary, { recursive: true, force: true });
      }
      if (complete()) return target;
      problems.push(`${target}: not all of ${required.join(', ')} were in the archive`);
    } catch (error) {
      problems.push(`${parent}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(problems.join('; '));
}
