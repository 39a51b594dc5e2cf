import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** No limits of time: test/setup.ts ends a test that shows no sign of life. */
const lifetimes = { setupFiles: ['test/setup.ts'], testTimeout: 0, hookTimeout: 0 };

/** Examples and pages import the library by its name. */
const resolve = { tsconfigPaths: true };

/** The GPU suites begin, since each takes minutes: at the end one of them would keep the machine waiting. */
class SuitesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSuite = ({ moduleId }: TestSpecification) => /\/(node|chromium|deno)\.test\.ts$/.test(moduleId);
    return (await super.sort(files)).toSorted((a, b) => Number(isSuite(b)) - Number(isSuite(a)));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: SuitesFirst },
    reporters: ['default'],
    silent: 'passed-only',
    // A process that has done its work may take long to end.
    teardownTimeout: 300_000,
    projects: [
      {
        resolve,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], maxWorkers: '100%', ...lifetimes },
      },
      {
        resolve,
        test: {
          name: 'runtimes',
          include: ['test/runtimes/**/*.test.ts'],
          // Processes, not threads: a thread's changes of process.env do not reach the Vulkan loader.
          pool: 'forks',
          // One leaves a core idle wherever it compiles shaders.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...lifetimes,
          globalSetup: ['test/runtimes/announce.ts'],
        },
      },
      {
        test: {
          name: 'zoo',
          include: ['test/zoo/**/*.test.ts'],
          pool: 'forks',
          ...lifetimes,
        },
      },
      {
        test: {
          name: 'f16',
          include: ['test/f16/**/*.test.ts'],
          pool: 'forks',
          ...lifetimes,
        },
      },
    ],
  },
});
