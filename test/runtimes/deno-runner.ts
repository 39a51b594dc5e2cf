/**
 * @file Runs in Deno: reads `{ suite, test }` lines from stdin and answers each with one line on stdout,
 * `RESULT` and `{ error? }`. A line `LIFE` is a sign of life; whatever else stands on stdout was printed by a test.
 */

import process from 'node:process';
import { createInterface } from 'node:readline';
import { acquireGpu } from '../../src/platform/gpu.ts';
import { type GpuClasses, reportLife } from '../helpers/report-life.ts';
import { readFixture } from './read-fixture.ts';
import { runGpuTest } from './run-test.ts';

const answer = (error?: unknown) => {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  process.stdout.write(
    `\nRESULT ${JSON.stringify(error === undefined ? {} : { error: { message, stack } })}\n`,
  );
};

reportLife(globalThis as unknown as GpuClasses, () => process.stdout.write('\nLIFE\n'));

for await (const line of createInterface({ input: process.stdin })) {
  const { suite, test } = JSON.parse(line) as { suite: string; test: string };
  try {
    const { gpu } = await acquireGpu();
    await runGpuTest(suite, test, { gpu, runtime: 'deno', fixture: readFixture });
    answer();
  } catch (error) {
    answer(error);
  }
}
