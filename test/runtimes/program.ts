/** @file Programs of their own. What they print is their sign of life. */

import { type ChildProcess, spawn } from 'node:child_process';
import { beat, whileAlive } from '../helpers/heartbeat.ts';

/** How a program ended, and what it printed. */
export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * Starts a program, with the drivers that the test's machine has, whatever this process has been given since.
 *
 * @returns the process, and how it ended. `ended` rejects where it could not be started, and where it gave no sign of
 *   life: then it is killed.
 */
export function startProgram(
  command: string,
  args: readonly string[],
  { cwd, env }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const { VK_ICD_FILENAMES: _, VK_DRIVER_FILES: __, ...inherited } = process.env;
  const child = spawn(command, args, {
    cwd,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      beat();
      printed[name] += text;
    });
  }
  const closed = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, ...printed }));
  });
  const ended = whileAlive(() => closed).catch((cause: Error) => {
    child.kill('SIGKILL');
    throw new Error(`${command}: ${cause.message}\n${printed.stdout}${printed.stderr}`.trimEnd(), { cause });
  });
  return { child, ended };
}
