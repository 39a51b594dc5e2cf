/** @file The GPU tests in Node, on Dawn, within the process of the test runner. */

import { acquireGpu } from '../../src/platform/gpu.ts';
import { beat } from '../helpers/heartbeat.ts';
import { type GpuClasses, reportLife } from '../helpers/report-life.ts';
import { readFixture } from './read-fixture.ts';
import type { SuiteRunner } from './register.ts';
import { runGpuTest } from './run-test.ts';

/** The classes of Dawn say when they do something, once for all starts. */
let reporting: Promise<void> | undefined;

export async function startNode(): Promise<SuiteRunner> {
  const { gpu } = await acquireGpu();
  reporting ??= import('webgpu').then(({ globals }) => reportLife(globals as GpuClasses, beat));
  await reporting;
  return {
    run: (suite, test) =>
      runGpuTest(suite, test, { gpu, runtime: 'node', fixture: readFixture }).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      ),
    close: async () => '',
  };
}
