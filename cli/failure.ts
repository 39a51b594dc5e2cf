/** @file Exit statuses, wrong usage, and how failures are put into words. */

import { DBNetError, type DBNetErrorCode } from '../src/errors.ts';

/** What the program ends with. */
export const EXIT = {
  done: 0,
  someFailed: 1,
  wrongUsage: 2,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

/** The command line asks for something that cannot be; nothing has been computed. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Something that was asked for cannot be written. */
export class OutputError extends Error {
  /** @param output A path, or what else the user knows it by. */
  constructor(output: string, cause: unknown) {
    super(`${output} cannot be written: ${reasonOf(cause)}.`, { cause });
    this.name = 'OutputError';
  }
}

const REASONS: Record<string, string> = {
  EACCES: 'it may not be written; check its permissions and those of its folder',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it would be larger than a file may be here',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'its folder does not exist',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'its folder is a file',
  ENXIO: 'it is a pipe that nobody reads',
  EPERM: 'it may not be written; check its permissions and those of its folder',
  EROFS: 'the file system is read-only',
};

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const known = 'code' in cause ? REASONS[String(cause.code)] : undefined;
  return known ?? cause.message.split('\n')[0].replace(/\.$/, '');
}

/** After these the other images would fail in the same way. */
const FATAL: readonly DBNetErrorCode[] = [
  'invalid-argument',
  'missing-package',
  'missing-threshold-head',
  'device-lost',
  'disposed',
  'wrong-results',
];

/** True if a failure is not one image's own. */
export function isFatal(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof DBNetError && FATAL.includes(error.code));
}

/** The exit status that an error which ends the program stands for. */
export function exitStatusOf(error: unknown): number {
  const usage =
    error instanceof UsageError || (error instanceof DBNetError && error.code === 'invalid-argument');
  return usage ? EXIT.wrongUsage : EXIT.someFailed;
}

/** An error as one line; with the stack where it is none that the program foresees. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const foreseen = [DBNetError, UsageError, OutputError].some((kind) => error instanceof kind);
  return foreseen || isSystemError(error) ? error.message : (error.stack ?? error.message);
}

/** Errors of the file system and the network, which carry the system call's name. */
function isSystemError(error: Error): boolean {
  return (
    'syscall' in error || ('code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code))
  );
}

/** Names that a line has room for. */
const NAMED = 5;

/** The first of some names, and how many more there are. */
export function namesLine(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(', ') + (more > 0 ? `, and ${more} more` : '');
}
