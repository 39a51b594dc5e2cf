import type { Plugin } from 'esbuild';

export const shortShaders: () => Plugin;
