import type { Plugin } from 'esbuild';

interface LazyModule {
  module: string;
  file: string;
}

export const lazyModules: { tuner: LazyModule; regions: LazyModule };
export const leaveOut: (modules: readonly LazyModule[]) => Plugin;
