/** @file Registers the GPU suites of one runtime as vitest tests. */

import { afterAll, describe, it } from 'vitest';
import { suites } from '../gpu/index.ts';
import type { GpuTest, Runtime } from '../gpu/suite.ts';
import { whileAlive } from '../helpers/heartbeat.ts';

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

/**
 * One vitest test for each GPU test of some suites. The runtime is started by the first of them; when it cannot be started,
 * every one fails with the reason. When it crashes or shows no sign of life, the test that ran fails with its output, and the
 * next test starts it anew.
 */
export function registerGpuTests(
  runtime: Runtime,
  start: () => Promise<SuiteRunner>,
  named: readonly { name: string; tests: readonly Pick<GpuTest, 'name'>[] }[] = suites,
): void {
  let runner: Promise<SuiteRunner> | undefined;

  async function runTest(suite: string, test: string): Promise<void> {
    runner ??= whileAlive(start);
    const started = await runner;
    let failure: Error | undefined;
    try {
      failure = await whileAlive(() => started.run(suite, test));
    } catch (cause) {
      runner = undefined;
      const output = await started.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${runtime} broke in "${suite} > ${test}": ${reason}\n${output}`.trimEnd(), { cause });
    }
    if (failure !== undefined) throw failure;
  }

  describe(runtime, () => {
    for (const { name, tests } of named) {
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
