/** @file Unpacks archives once into a private, versioned cache folder, safely when two processes do it at once. */

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { messageOf } from '../describe.ts';

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
  const { XDG_CACHE_HOME: chosen = '' } = process.env;
  // By the XDG specification a relative path counts as none.
  const cache = isAbsolute(chosen) ? chosen : join(homedir(), '.cache');
  return [join(cache, 'dbnet-webgpu'), join(tmpdir(), `dbnet-webgpu-${process.getuid?.() ?? 'user'}`)];
}

/** The list of a folder's files, with the SHA-256 of each; written last. */
const CHECKSUMS = 'sha256.json';

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/**
 * What lets another user put files at a path, or undefined: libraries that others could swap are not loaded. Every
 * folder on the way counts, and where links lead. Others may write only where they cannot replace what is not theirs.
 */
function exposure(path: string, links = 0): string | undefined {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined; // Windows: the user's folders are the user's.
  if (links > 40) return `${path}: too many links`;
  const parts = path.split(sep);
  for (let count = 1; count <= parts.length; count++) {
    const place = parts.slice(0, count).join(sep) || sep;
    const stat = lstatSync(place);
    if (stat.uid !== uid && stat.uid !== 0) return `${place}: it belongs to another user`;
    if (stat.isSymbolicLink()) {
      const problem = exposure(resolve(realpathSync(dirname(place)), readlinkSync(place)), links + 1);
      if (problem !== undefined) return problem;
    } else if ((stat.mode & 0o022) !== 0 && !(stat.isDirectory() && (stat.mode & 0o1000) !== 0)) {
      return `${place}: other users can write there`;
    }
  }
  return undefined;
}

/** Whether a folder that was unpacked once is whole: all of its files as they were, and none that others could swap. */
function isWhole(folder: string, required: readonly string[]): boolean {
  try {
    if (!lstatSync(folder).isDirectory()) return false;
    const sums: Record<string, string> = JSON.parse(readFileSync(join(folder, CHECKSUMS), 'utf8'));
    if (!required.every((name) => Object.hasOwn(sums, name))) return false;
    return [CHECKSUMS, ...Object.keys(sums)].every((name) => {
      const path = join(folder, name);
      if (!lstatSync(path).isFile() || exposure(path) !== undefined) return false;
      return name === CHECKSUMS || sha256(readFileSync(path)) === sums[name];
    });
  } catch {
    return false;
  }
}

/** Sees to it that what a file or folder holds outlives a loss of power. */
function flush(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Writes files below `folder`, and their checksums; a name that leads out of it is refused. */
function writeFiles(folder: string, files: readonly ArchiveFile[]): void {
  const folders = new Set([folder]);
  const sums: Record<string, string> = {};
  const write = ({ name, mode, data }: ArchiveFile) => {
    const path = resolve(folder, name);
    if (!path.startsWith(folder + sep))
      throw new Error(`the archive holds a path outside its folder: ${name}`);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    for (let above = dirname(path); above !== folder; above = dirname(above)) folders.add(above);
    writeFileSync(path, data, { mode: mode & 0o755 });
    flush(path);
  };
  for (const file of files) {
    write(file);
    sums[file.name] = sha256(file.data);
  }
  write({ name: CHECKSUMS, mode: 0o644, data: new TextEncoder().encode(JSON.stringify(sums)) });
  if (process.platform !== 'win32') folders.forEach(flush);
}

/**
 * The folder `name` with the files that `read` gives, unpacked on the first call, and again whenever it is not whole.
 * It is filled as a temporary sibling and renamed, so that no process ever sees half of it.
 *
 * @param parents candidate parent folders, best first; one that others can write to, or that is full or
 *   read-only, is passed over
 * @param name folder name; holds the version, so that an update unpacks anew
 * @param required names that must be in the archive
 * @throws Error with one line per parent folder, if none of them can be used
 */
export function unpackOnce(
  parents: string[],
  name: string,
  required: string[],
  read: () => ArchiveFile[],
): string {
  const problems: string[] = [];
  for (const parent of parents.map((path) => resolve(path))) {
    try {
      mkdirSync(parent, { recursive: true, mode: 0o700 });
      const problem = lstatSync(parent).isDirectory() ? exposure(parent) : `${parent}: it is a link`;
      if (problem !== undefined) {
        problems.push(problem);
        continue;
      }
      const target = join(parent, name);
      if (isWhole(target, required)) return target;

      const temporary = mkdtempSync(`${target}.`);
      try {
        const files = join(temporary, 'new');
        mkdirSync(files, { mode: 0o700 });
        writeFiles(files, read());
        // Another process may have finished since: then its folder, being whole, is the one to use.
        if (!isWhole(target, required)) {
          if (existsSync(target)) renameSync(target, join(temporary, 'old'));
          try {
            renameSync(files, target);
          } catch (error) {
            if (!isWhole(target, required)) throw error;
          }
          if (process.platform !== 'win32') flush(parent);
        }
      } finally {
        rmSync(temporary, { recursive: true, force: true });
      }
      if (isWhole(target, required)) return target;
      problems.push(`${target}: not all of ${required.join(', ')} were in the archive`);
    } catch (error) {
      problems.push(`${parent}: ${messageOf(error)}`);
    }
  }
  throw new Error(problems.join('; '));
}
