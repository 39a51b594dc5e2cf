/** @file Registers the GPU suites of one runtime as vitest tests. */

import { afterAll, describe, it } from 'vitest';
import { suites } from '../gpu/index.ts';
import type { Runtime } from '../gpu/suite.ts';

/** Software adapters on two slow cores set these. */
const TEST_LIMIT_MS = 240_000;
const RUNTIME_LIMIT_MS = 600_000;

/** A started runtime. */
export interface SuiteRunner {
  /** The error by which the test failed, or undefined. Rejects if the runtime itself broke. */
  run(suite: string, test: string): Promise<Error | undefined>;
  /** Ends the runtime, even in the middle of a test; gives what it last printed. */
  close(): Promise<string>;
}

/** An error that happened in another process. */
export function remoteError({ message, stack }: { message: string; stack?: string }): Error {
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

async function withLimit<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`no end after ${Math.round(milliseconds / 1000)} s`));
    timer = setTimeout(fail, milliseconds);
  });
  return await Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/**
 * One vitest test for each GPU test. The runtime is started by the first of them; when it cannot be started,
 * every one fails with the reason. When it crashes or hangs, the test that ran fails with its output, and the
 * next test starts it anew.
 */
export function registerGpuTests(runtime: Runtime, start: () => Promise<SuiteRunner>): void {
  let runner: Promise<SuiteRunner> | undefined;
  let deadline: number | undefined;

  async function runTest(suite: string, test: string): Promise<void> {
    deadline ??= Date.now() + RUNTIME_LIMIT_MS;
    runner ??= start();
    const started = await runner;
    const limit = Math.max(0, Math.min(TEST_LIMIT_MS, deadline - Date.now()));
    let failure: Error | undefined;
    try {
      failure = await withLimit(started.run(suite, test), limit);
    } catch (cause) {
      runner = undefined;
      const output = await started.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${runtime} broke in "${suite} > ${test}": ${reason}\n${output}`.trimEnd(), { cause });
    }
    if (failure !== undefined) throw failure;
  }

  describe(runtime, { timeout: TEST_LIMIT_MS + 60_000 }, () => {
    for (const { name, tests } of suites) {
      describe(name, () => {
        for (const test of tests) it(test.name, () => runTest(name, test.name));
      });
    }
    afterAll(async () => {
      const started = await runner?.catch(() => undefined);
      await started?.close();
    });
  });
}
