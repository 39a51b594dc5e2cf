/** @file Starts Deno, which wgpu makes the second implementation of WebGPU that the tests run on. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beat } from '../helpers/heartbeat.ts';
import { remoteError, type SuiteRunner } from './register.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const OUTPUT_KEPT = 8000;

/** The Deno binary of the package `deno`, or one that is installed. Not npm's wrapper: a kill ends that only. */
export function findDeno(): string {
  const executable = process.platform === 'win32' ? 'deno.exe' : 'deno';
  try {
    const wrapper = createRequire(import.meta.url).resolve('deno/bin.cjs');
    const binary = join(dirname(wrapper), executable);
    // Where npm runs no install scripts, the wrapper puts the binary there when first called.
    if (!existsSync(binary)) spawnSync(process.execPath, [wrapper, '--version']);
    if (existsSync(binary)) return binary;
  } catch {
    // Not installed: the system's own is tried.
  }
  if (spawnSync(executable, ['--version']).status === 0) return executable;
  throw new Error('Deno was not found: run `npm ci` (without --omit=dev), or install Deno');
}

/** Deno with test/runtimes/deno-runner.ts loaded. Whatever it prints is a sign of life. */
export class DenoRunner implements SuiteRunner {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;
  #output = '';
  #answer: ((error: Error | undefined) => void) | undefined;

  constructor(environment: Record<string, string> = {}) {
    const child = spawn(findDeno(), ['run', '-A', 'test/runtimes/deno-runner.ts'], {
      cwd: root,
      env: { ...process.env, ...environment },
    });
    this.#child = child;
    this.#ended = new Promise((_, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) =>
        reject(new Error(`Deno ended with ${signal ?? `status ${code}`}`)),
      );
    });
    this.#ended.catch(() => {}); // Only a test that runs cares.
    child.stdin.on('error', () => {}); // Told by #ended.
    child.stderr.on('data', (chunk) => {
      beat();
      this.#keep(String(chunk));
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      beat();
      if (line === 'LIFE') return;
      if (!line.startsWith('RESULT ')) return this.#keep(`${line}\n`);
      const { error } = JSON.parse(line.slice(7)) as { error?: { message: string; stack?: string } };
      this.#answer?.(error === undefined ? undefined : remoteError(error));
    });
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_KEPT);
  }

  run(suite: string, test: string): Promise<Error | undefined> {
    const answer = new Promise<Error | undefined>((resolve) => {
      this.#answer = resolve;
    });
    this.#child.stdin?.write(`${JSON.stringify({ suite, test })}\n`);
    return Promise.race([answer, this.#ended]);
  }

  async close(): Promise<string> {
    this.#child.kill('SIGKILL');
    await this.#ended.catch(() => {});
    return this.#output.trim();
  }
}
