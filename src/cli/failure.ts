/** @file Exit statuses, wrong usage, and how failures are put into words. */

import { DBNetError, type DBNetErrorCode } from '../errors.ts';

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

/** After these the other images would fail in the same way. */
const FATAL: readonly DBNetErrorCode[] = [
  'invalid-argument',
  'missing-package',
  'missing-threshold-head',
  'device-lost',
  'disposed',
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
  const foreseen = error instanceof DBNetError || error instanceof UsageError || isSystemError(error);
  return foreseen ? error.message : (error.stack ?? error.message);
}

/** Errors of the file system and the network, which carry the system call's name. */
function isSystemError(error: Error): boolean {
  return (
    'syscall' in error || ('code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code))
  );
}
