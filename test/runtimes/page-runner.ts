/** @file Runs in a browser page: `runGpuTest(suite, test)` as a global, for the test runner to call. */

import { fixturePath, runGpuTest } from './run-test.ts';

async function fixture(name: string) {
  const response = await fetch(`/${fixturePath(name)}`);
  if (!response.ok) throw new Error(`fixture ${name}: ${response.status} ${await response.text()}`);
  return new Uint8Array(await response.arrayBuffer());
}

Object.assign(globalThis, {
  async runGpuTest(suite: string, test: string) {
    try {
      await runGpuTest(suite, test, { gpu: navigator.gpu, runtime: 'chromium', fixture });
      return undefined;
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      return { message, stack };
    }
  },
});
