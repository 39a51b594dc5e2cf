import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: ['default'],
    silent: 'passed-only',
    projects: [
      {
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        test: {
          name: 'runtimes',
          include: ['test/runtimes/**/*.test.ts'],
          // Processes, not threads: a thread's changes of process.env do not reach the Vulkan loader.
          pool: 'forks',
          // One runtime after the other: each takes all cores where the adapter is a software one.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          hookTimeout: 60_000,
          globalSetup: ['test/runtimes/announce.ts'],
        },
      },
      {
        test: {
          name: 'f16',
          include: ['test/f16/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
