import type { Plugin } from 'esbuild';

interface LazyModule {
  module: string;
  file: string;
}

export const lazyModules: Record<'tuner' | 'regions' | 'readers', LazyModule>;
export const workerThread: LazyModule;
export const nameWorkerThread: () => Plugin;
export const leaveOut: (modules: readonly LazyModule[]) => Plugin;
