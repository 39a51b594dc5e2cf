/** @file The GPU suites in Node, on Dawn, within the process of the test runner. */

import { readFile } from 'node:fs/promises';
import { acquireGpu } from '../../src/platform/gpu.ts';
import { beat } from '../helpers/heartbeat.ts';
import { type GpuClasses, reportLife } from '../helpers/report-life.ts';
import { registerGpuTests } from './register.ts';
import { fixturePath, runGpuTest } from './run-test.ts';

const root = new URL('../../', import.meta.url);

/** The classes of Dawn say when they do something, once for all starts. */
let reporting: Promise<void> | undefined;

registerGpuTests('node', async () => {
  const { gpu } = await acquireGpu();
  reporting ??= import('webgpu').then(({ globals }) => reportLife(globals as GpuClasses, beat));
  await reporting;
  const fixture = async (name: string) => new Uint8Array(await readFile(new URL(fixturePath(name), root)));
  return {
    run: (suite, test) =>
      runGpuTest(suite, test, { gpu, runtime: 'node', fixture }).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      ),
    close: async () => '',
  };
});
