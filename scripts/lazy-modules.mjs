/**
 * @file Keeps modules that are imported when they are needed out of bundles for pages: each has a file of its own
 * beside the bundle that loads it.
 */

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Modules with a file of their own, beside the bundle. */
export const lazyModules = {
  /** What `tune()` needs. */
  tuner: { module: 'src/tuning/tune.ts', file: 'dbnet-webgpu-tuner.min.js' },
  /** From maps to regions: fetched while the weights are. */
  regions: { module: 'src/postprocess/index.ts', file: 'dbnet-webgpu-regions.min.js' },
  /** Frames of a camera, one after the other. */
  stream: { module: 'src/detect/stream.ts', file: 'dbnet-webgpu-stream.min.js' },
  /** Large pictures in parts. */
  split: { module: 'src/detect/split.ts', file: 'dbnet-webgpu-split.min.js' },
  /** Whether the device computes right. */
  selfTest: { module: 'src/self-test/self-test.ts', file: 'dbnet-webgpu-self-test.min.js' },
  /** ONNX files and PyTorch checkpoints. */
  readers: { module: 'src/models/foreign.ts', file: 'dbnet-webgpu-readers.min.js' },
};

/**
 * Leaves modules in their own files.
 * @param {readonly { module: string; file: string }[]} modules
 * @returns {import('esbuild').Plugin}
 */
export const leaveOut = (modules) => ({
  name: 'lazy-modules',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, importer }) => {
      if (kind !== 'dynamic-import') return undefined;
      const found = modules.find(({ module }) => join(root, module) === resolve(dirname(importer), path));
      return found && { path: `./${found.file}`, external: true };
    });
  },
});
