import type { Plugin } from 'esbuild';

export const tunerFile: string;
export const tunerEntry: string;
export const lazyTuner: Plugin;
