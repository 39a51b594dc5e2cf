/** @file Locks, so that no two trainings write the same files. A lock is a file that names the process which holds it. */

import { randomBytes } from 'node:crypto';
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import { OutputError, UsageError } from '../failure.ts';
import { displayPath } from '../outputs.ts';

/** Who holds a lock. */
interface Holder {
  pid: number;
  host: string;
  /** ISO 8601. */
  since: string;
}

/** Locks that this process holds. */
const held = new Set<string>();

/**
 * Locks files as `<file>.lock`. The lock of a process that has ended (killed, say) is taken over; that of a process of
 * another machine is not, since nobody here can know.
 *
 * @returns What releases the locks.
 * @throws UsageError if another training holds one of them; OutputError.
 */
export function lockFiles(files: readonly string[], cwd: string): () => void {
  const release: (() => void)[] = [];
  const releaseAll = () => {
    for (const one of release) one();
  };
  try {
    for (const file of files) release.push(lock(`${file}.lock`, cwd));
  } catch (error) {
    releaseAll();
    throw error;
  }
  return releaseAll;
}

function lock(path: string, cwd: string): () => void {
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  const own = `${JSON.stringify(holder)}\n`;
  while (!tryCreate(path, own)) {
    const found = read(path);
    if (found === undefined) continue;
    if (held.has(path) || !hasEnded(found)) throw inUse(path, found, cwd);
    takeAway(path, found);
  }
  held.add(path);
  return () => {
    held.delete(path);
    // Not where somebody removed it by hand and began another run.
    if (read(path) === own) rmSync(path, { force: true });
  };
}

/** @returns False if there is a lock. */
function tryCreate(path: string, content: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    throw new OutputError(path, cause);
  }
  try {
    writeFileSync(file, content);
  } catch (cause) {
    // Half a lock would be respected for ever.
    rmSync(path, { force: true });
    throw new OutputError(path, cause);
  } finally {
    closeSync(file);
  }
  return true;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

/**
 * Removes a lock, but only if it is still the one that was read: another process may have taken it over meanwhile. So it
 * is moved away first, which only one process can do, and put back if it is another's.
 */
function takeAway(path: string, found: string): void {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    throw cause;
  }
  try {
    if (read(aside) !== found) linkSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Whether the process that wrote this into its lock is known to have ended. */
function hasEnded(content: string): boolean {
  const holder = parse(content);
  if (holder === undefined || holder.host !== hostname()) return false;
  // An earlier process had our number; what we hold ourselves is known.
  if (holder.pid === process.pid) return true;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    // Another user's process may not be signalled, but is there.
    return codeOf(error) === 'ESRCH';
  }
}

function parse(content: string): Holder | undefined {
  try {
    const value: Partial<Holder> | null = JSON.parse(content);
    const isHolder =
      Number.isSafeInteger(value?.pid) &&
      value!.pid! > 0 &&
      typeof value?.host === 'string' &&
      typeof value.since === 'string';
    return isHolder ? (value as Holder) : undefined;
  } catch {
    // Written by halves when the machine went down, or being written right now.
    return undefined;
  }
}

function inUse(path: string, content: string, cwd: string): UsageError {
  const holder = parse(content);
  const who =
    holder === undefined
      ? 'a process that did not say its name'
      : `process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  const shown = displayPath(path, cwd);
  return new UsageError(
    `${shown.replace(/\.lock$/, '')} is in use by another training (${who}): wait for its end, choose another --out, or ` +
      `remove ${shown} if it does not run any more.`,
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
