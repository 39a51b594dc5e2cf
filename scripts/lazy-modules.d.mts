import type { Plugin } from 'esbuild';

interface LazyModule {
  module: string;
  file: string;
}

export const lazyModules: Record<'tuner' | 'regions' | 'readers', LazyModule>;
export const leaveOut: (modules: readonly LazyModule[]) => Plugin;
