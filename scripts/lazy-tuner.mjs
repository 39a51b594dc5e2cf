/**
 * @file Keeps the autotuner out of bundles for pages: the few that call `tune()` load it from a file of its own beside
 * the bundle; all others save its bytes.
 */

/** The tuner's file, beside the bundle that loads it. */
export const tunerFile = 'dbnet-webgpu-tuner.min.js';

/** The module that is loaded when it is needed. */
export const tunerEntry = 'src/tuning/tune.ts';

/** @type {import('esbuild').Plugin} */
export const lazyTuner = {
  name: 'lazy-tuner',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/tune\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: `./${tunerFile}`, external: true } : undefined,
    );
  },
};
